"""The local runner."""

from bourne.runners.local.runner import LocalResult, LocalRunner

__all__ = ['LocalResult', 'LocalRunner']
