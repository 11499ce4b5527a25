"""Reads a history: what was done (`actions`; `shell` for commands, `results` for what came of them), what kind of work
comes next (`subtasks`), and what goes wrong (`signals`). Pure, by rules; the same history gives the same answer."""
