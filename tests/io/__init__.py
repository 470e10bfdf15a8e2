"""Tests of files: patterns, compression, sources, sinks, and the transforms over them."""
