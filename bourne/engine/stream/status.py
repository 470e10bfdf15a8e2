"""How a stream stands: watermarks, what holds them, counts, state and backlog."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from bourne.engine.keyed import Hold, Size
from bourne.sdk.model.source import Backlog


class StageStatus(NamedTuple):
    """A stage in one host.

    Attributes:
      stage: its name.
      input_watermark: in microseconds of event time.
      output_watermark: likewise.
      hold: what keeps the output watermark behind the input's, if anything does.
      taken: how many elements went into it since the start.
      made: how many left it.
      state: what it holds for keys and windows.
      backlog: for a stage that reads a source, each split that has not ended: the split, its watermark, what is left.
    """

    stage: str
    input_watermark: int
    output_watermark: int
    hold: Hold | None
    taken: int
    made: int
    state: Size
    backlog: Sequence[tuple[Any, int, Backlog]]


class StreamStatus(NamedTuple):
    """How a stream stands after an epoch.

    Attributes:
      epoch: the epoch's number.
      now: its processing time, in microseconds.
      stages: each stage, over all hosts.
    """

    epoch: int
    now: int
    stages: Sequence[StageStatus]


def merged(hosts: Sequence[Sequence[StageStatus]]) -> list[StageStatus]:
    """Each stage over all hosts: the least watermarks, what holds the most, and sums."""
    return [_merge(parts) for parts in zip(*hosts, strict=True)]


def _merge(parts: Sequence[StageStatus]) -> StageStatus:
    holds = [part.hold for part in parts if part.hold is not None]
    return StageStatus(
        parts[0].stage, min(part.input_watermark for part in parts), min(part.output_watermark for part in parts),
        min(holds, key=lambda hold: hold.micros, default=None), sum(part.taken for part in parts),
        sum(part.made for part in parts),
        Size(sum(part.state.entries for part in parts), sum(part.state.bytes for part in parts)),
        [item for part in parts for item in part.backlog])
