"""flywheel-tiny: our own small model, from corpus to served weights.

Read in the order the data flows: `families/` (functions worth fixing) → `mutations` (one-line bugs) → `tasks` (a small
repository with tests and an issue) → `trajectories` (what an ideal agent does, with the real tools' output) → `corpus`
(token rows) → `model` and `training` (PyTorch) → `export` (a folder mlx-lm loads) → `evaluation` (through the real
server and the real agent). `wire` holds the one chat format all of them share.
"""
