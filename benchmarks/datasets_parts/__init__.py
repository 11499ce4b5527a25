"""The parts of `benchmarks/datasets.py`."""
