"""What `slm doctor` looks at. A check returns `Finding`s; none raises for what it finds, and none starts a server.

    findings = run_all([*machine_checks(None), *team_checks(team)])

`finding` is what a check returns, `machine` Python, git, memory, disk and the registry, `mlx` the packages of our own
servers, `servers` those that run, `isolation` bubblewrap and containers, `hosts` mini and SWE-agent with its hook,
`provider` one model, `team` what `--slm NAME` means. Importing this package imports nothing else.
"""
