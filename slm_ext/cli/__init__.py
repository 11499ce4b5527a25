"""The `slm` command: one small module per verb, no logic."""
