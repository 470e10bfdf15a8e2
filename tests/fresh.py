"""Spawned workers for many pipelines, without the half second that a fresh interpreter takes to start each.

A spawned worker inherits nothing from the process that started it. So does a fork of an interpreter that was started
fresh and did nothing but import, which takes milliseconds: that is what ``multiprocess`` calls a fork server. There
are two of them, and their hashes of texts differ, so that workers of one run can rely on none of it being the same.
"""

from __future__ import annotations

import itertools
import os
from typing import Any
from unittest import mock

from multiprocess import context, forkserver, popen_forkserver, process

from bourne.runners.local import LocalRunner
from bourne.sdk.graph.graph import Graph
from bourne.sdk.options import PipelineOptions
from bourne.sdk.runner import PipelineResult

#: What workers need: the engine, and the functions of the cases.
PRELOADED = ['bourne', 'bourne.runners.local.worker', 'bourne.sdk.testing', 'tests.conformance.cases']


class _Server(forkserver.ForkServer):
    """A fork server whose hashes have a seed of their own."""

    def __init__(self, seed: int) -> None:
        super().__init__()
        self._seed = str(seed)
        self.set_forkserver_preload(PRELOADED)

    def ensure_running(self) -> None:
        with mock.patch.dict(os.environ, {'PYTHONHASHSEED': self._seed}):
            super().ensure_running()


_SERVERS = itertools.cycle([_Server(1), _Server(2)])


class _Process(process.BaseProcess):
    _start_method = 'spawn'

    @staticmethod
    def _Popen(process_obj: Any) -> Any:
        # It asks the one fork server that there is usually.
        with mock.patch.object(forkserver, 'connect_to_new_process', next(_SERVERS).connect_to_new_process):
            return popen_forkserver.Popen(process_obj)


class _Context(context.BaseContext):
    _name = 'spawn'
    Process = _Process


class FreshRunner(LocalRunner):
    """The local runner, whose spawned processes are forks of fresh interpreters."""

    def run(self, graph: Graph, options: PipelineOptions) -> PipelineResult:
        with mock.patch.dict(context._concrete_contexts, spawn=_Context()):
            return super().run(graph, options)
