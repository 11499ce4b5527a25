"""mini-swe-agent, entered by import path only: a model class, an environment class, an agent class, no patch.

`config.compose` gives the YAML that stock `mini -c` takes; `entry.run_task_in_mini` gives the same run to `slm run`.
"""
