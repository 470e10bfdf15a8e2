"""The Dask runner: what only it does, and what becomes of a run whose cluster has faults."""
