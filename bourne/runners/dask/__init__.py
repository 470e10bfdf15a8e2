"""The Dask runner."""

from bourne.runners.dask.runner import DaskResult, DaskRunner

__all__ = ['DaskResult', 'DaskRunner']
