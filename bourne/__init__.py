"""Data pipelines in the Beam model, for bounded and unbounded data."""
