"""Dask's picked tasks for data that is far too small for them."""

from __future__ import annotations

from unittest import mock

from bourne.engine.sizing import Sizing
from bourne.runners.dask import batch, exchanges
from bourne.sdk.graph.graph import Graph
from bourne.sdk.options import PipelineOptions
from bourne.sdk.runner import PipelineResult, PipelineRunner
from tests.clusters import shared_runner


class PickingRunner(PipelineRunner):
    """The Dask runner on the cluster of tests, with two tasks a stage, each of which picks its part of what two made.

    It is to be used with ``--exchange=tasks``.
    """

    def run(self, graph: Graph, options: PipelineOptions) -> PipelineResult:
        with mock.patch.object(exchanges, 'WHOLE_MOST', 0), mock.patch.object(
                batch, 'sizing', return_value=Sizing(2)):
            return shared_runner().run(graph, options)
