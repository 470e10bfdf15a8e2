"""Tests of transforms, a file for each family."""
