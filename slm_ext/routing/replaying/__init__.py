"""Recorded runs, explained and decided again by other rules. Pure.

`recorded` says what a run has to tell, `explanation` why it went as it did, `replay` what a router would have
decided, `stalling` when a run began to lead nowhere; `thresholds`, `comparison` and `curve` what other limits would
have cost and brought. The readers of trajectories are in `slm_ext/traces`.
"""
