"""Tests of the portable graph."""
