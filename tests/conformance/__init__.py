"""Pipelines with their expected results, for every runner and mode.

A case is a function that builds a pipeline and asserts on its collections, marked with ``@case`` (``case.py``) and kept
in a file of its topic below ``cases/``. ``test_conformance.py`` runs each of them in every mode of ``modes.py``. A new
feature adds its cases; a new runner adds its mode.
"""
