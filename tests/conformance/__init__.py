"""Pipelines with their expected results, for every runner and mode."""
