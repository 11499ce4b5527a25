"""Prices and nights of a guest house."""
