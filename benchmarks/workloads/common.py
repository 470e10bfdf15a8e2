"""What the workloads share."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import bourne as beam
from benchmarks import data
from bourne.sdk.options import PipelineOptions


def pipeline(**options: Any) -> beam.Pipeline:
    """A pipeline with options, and none from the command line."""
    return beam.Pipeline(options=PipelineOptions([], **options))


def collect(name: str, *pcolls: beam.PCollection[Any]) -> Callable[[], list[Any]]:
    """Writes a few small collections; returns a function that reads their elements, sorted, once the run is over."""
    folder = data.fresh(name)
    pcolls | beam.Flatten() | 'Repr' >> beam.Map(repr) | 'Collect' >> beam.io.WriteToText(str(folder / 'part'))
    return lambda: sorted(map(eval, lines(folder)))


def warm_up() -> None:
    """Runs a small pipeline, so that what is imported when it is needed counts for nobody."""
    with pipeline() as p:
        read = collect('warm-up', p | beam.Create([('a', 1), ('b', 2)]) | beam.GroupByKey() | beam.Keys())
    read()


def lines(folder: Path) -> list[str]:
    """The lines of all files of a folder."""
    return [line for path in sorted(folder.iterdir()) for line in path.read_text().splitlines()]
