"""The Dask runner."""

from bourne.runners.dask.batch import DaskResult
from bourne.runners.dask.jobs import DaskJob
from bourne.runners.dask.runner import DaskRunner

__all__ = ['DaskJob', 'DaskResult', 'DaskRunner']
