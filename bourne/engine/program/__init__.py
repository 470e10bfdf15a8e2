"""From stage to program: one generated Python function for all its transforms."""
