"""Stages `render` and `check`: from a step to the bytes that a trainer reads.

`target` knows the model, `row` makes one trained turn and holds it against what was served, `formats` writes it as each
trainer wants it.
"""
