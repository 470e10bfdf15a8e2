"""Runs a pipeline and brings back what its collections hold, with times, windows and panes."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Sequence
from typing import Any

import attrs

from bourne.sdk.graph.graph import Graph
from bourne.sdk.model.dofn import DoFn
from bourne.sdk.model.portable import portable
from bourne.sdk.model.sink import Sink, Writer, WriteTask
from bourne.sdk.options import PipelineOptions
from bourne.sdk.pcollection import PCollection
from bourne.sdk.runner import PipelineRunner
from bourne.sdk.transforms.pardo import Map
from bourne.sdk.transforms.write import Write

Contents = dict[str, Counter[str]]

_found: dict[str, list[Any]] = {}
_numbers = itertools.count()


@portable
@attrs.frozen
class Collect(Sink[Any]):
    """Puts what is committed where :func:`contents` finds it."""

    name: str

    def open(self, task: WriteTask) -> Writer[Any]:
        return _Collector()

    def commit(self, run: str, prepared: Sequence[tuple[int, Any]], epoch: int = 0) -> Sequence[Any]:
        _found[self.name] = [value for _, values in prepared for value in values]
        return ()


class _Collector(Writer[Any]):
    def __init__(self) -> None:
        self.values: list[Any] = []

    def write(self, values: Sequence[Any]) -> None:
        self.values.extend(values)

    def prepare(self) -> list[Any]:
        return self.values

    def abort(self) -> None:
        self.values = []


def reify(element: Any, timestamp: Any = DoFn.TimestampParam, window: Any = DoFn.WindowParam,
          pane: Any = DoFn.PaneInfoParam) -> str:
    return f'{element!r} at {timestamp!r} in {window!r} as {pane!r}'


def collect(collections: Sequence[PCollection[Any]]) -> list[str]:
    """Adds to a pipeline what brings collections back; returns the names that they are found under."""
    names = []
    for collection in collections:
        name = f'{next(_numbers)}'
        collection | f'reify {name}' >> Map(reify) | f'collect {name}' >> Write(Collect(name))
        names.append(name)
    return names


def contents(runner: PipelineRunner, graph: Graph, names: Sequence[str]) -> list[Counter[str]]:
    """What each collection holds, how often, when a runner runs the graph."""
    runner.run(graph, PipelineOptions([])).wait_until_finish()
    return [Counter(_found.pop(name)) for name in names]


def values_of(runner: PipelineRunner, collection: PCollection[Any]) -> list[Any]:
    """What a collection holds when a runner runs its pipeline."""
    name = f'{next(_numbers)}'
    collection | 'collect' >> Write(Collect(name))
    runner.run(collection.pipeline.to_graph(), PipelineOptions([])).wait_until_finish()
    return _found.pop(name)
