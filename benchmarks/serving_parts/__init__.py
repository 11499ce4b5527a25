"""The parts of `benchmarks/serving.py`: one module for each figure, and the servers, clients and rows they share."""
