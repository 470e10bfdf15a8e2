"""The workloads: for each, the loop that a good engineer writes by hand, and the pipeline."""

from __future__ import annotations

from functools import cache

from benchmarks.workload import Workload
from benchmarks.workloads import (
    cluster,
    core,
    files,
    grouping,
    memory,
    nexmark,
    nexmarkstreams,
    processes,
    routing,
    streamloop,
    streams,
)

#: In the order of the page.
FAMILIES = (core, grouping, routing, files, processes, memory, cluster, streams, streamloop, nexmark, nexmarkstreams)


@cache
def workloads(scale: float = 1) -> dict[str, Workload]:
    """All workloads by name.

    Args:
      scale: the size of their inputs, in that which is reported.
    """
    return {one.name: one for family in FAMILIES for one in family.workloads(scale)}
