"""The parts of `benchmarks/routing.py`: one module for each group of figures, and the conversations they share."""
