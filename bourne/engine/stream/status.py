"""How a stream stands: what each host says of each stage, and what is made of it for people.

Why a watermark O(s) of a stage s is where it is follows from the formulas of ``watermark.py``, asked in this order::

    W(c) of a sink's results is at the minimum      what the sink returns is committed at the end
    O(s) is what an operator makes of the data      the split whose greatest timestamp is the least
    hold(s) < I(s)                                  the transform, window and key that hold it; or, if elements wait in
                                                    front of the stage, the side input that is furthest behind
    O(s) = I(s)                                     the split of the source that is furthest behind; or the stage that
                                                    makes the input that is
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from bourne.engine.keyed import Hold, Size
from bourne.engine.plan.stage import Op, Plan, Stage
from bourne.engine.windows import raw_windows
from bourne.sdk.graph.nodes import ParDo, Read
from bourne.sdk.model.source import Backlog
from bourne.sdk.model.status import Holder, SplitStatus, StageStatus, StreamStatus
from bourne.sdk.model.timestamp import MAX_MICROS, MIN_MICROS, Duration, Timestamp

#: Microseconds of processing time over which a rate is taken, at least, and about at most.
RATE_OVER = 1_000_000

Split = tuple[Any, int, Backlog]


class Wait(NamedTuple):
    """Elements that wait for side inputs.

    Attributes:
      hold: the earliest of them; the window is that of the main input.
      elements: how many wait.
      awaited: the collections that make up the side inputs that the earliest waits for.
      op: the number of the operator that has them.
    """

    hold: Hold
    elements: int
    awaited: Sequence[str]
    op: int


class StageReport(NamedTuple):
    """A stage in one host.

    Attributes:
      input_watermark: in microseconds of event time.
      output_watermark: the least of what leaves it.
      watermarks: that of each collection that leaves it.
      maker: the number of the operator that makes the output watermark from the data, if one does.
      hold: what keeps the output watermark behind the input's, if anything does.
      wait: elements that wait in front of it, if any do.
      taken: how many elements went into it since the start.
      made: how many left it.
      state: what it holds for keys and windows.
      splits: for a stage that reads a source, each split that has not ended: the split, its watermark, what is left.
    """

    input_watermark: int
    output_watermark: int
    watermarks: Mapping[str, int]
    maker: int | None
    hold: Hold | None
    wait: Wait | None
    taken: int
    made: int
    state: Size
    splits: Sequence[Split]


class Statuses:
    """Makes what people see of what hosts say.

    Args:
      plan: the plan.
      start: the processing time at which the stream began, in microseconds.
      sizes: tells the size of each split of all sources in bytes, as far as it is known.
    """

    def __init__(self, plan: Plan, start: int, sizes: Callable[[], Sequence[int | None]]) -> None:
        self._plan = plan
        self._makers = {name: stage for stage in plan.stages for name in stage.produced}
        self._read_by_others = {self._makers[name].name for stage in plan.stages
                                for name in (*stage.inputs, *stage.side_inputs)}
        self._timed = _timed(plan)
        self._find_sizes = sizes
        self._sizes: Sequence[int | None] | None = None
        self._bounded = all(op.source.bounded for op in plan.ops if isinstance(op.payload, Read))
        self._before: deque[tuple[int, list[int]]] = deque([(start, [0] * len(plan.stages))])

    def make(self, epoch: int, now: int, hosts: Sequence[Sequence[StageReport]]) -> StreamStatus:
        """How the stream stands after an epoch.

        Args:
          epoch: its number.
          now: its processing time, in microseconds.
          hosts: what each host says of each stage.
        """
        reports = [_merge(parts) for parts in zip(*hosts, strict=True)]
        watermarks = {name: micros for report in reports for name, micros in report.watermarks.items()}
        rates = self._rates(now, [report.taken for report in reports])
        stages = [self._stage(stage, report, now, rate, watermarks)
                  for stage, report, rate in zip(self._plan.stages, reports, rates, strict=True)]
        return StreamStatus(epoch, Timestamp(micros=now), tuple(stages), self._read(reports))

    def _rates(self, now: int, taken: list[int]) -> list[float | None]:
        """Elements in a second since the latest count that is old enough."""
        while len(self._before) > 1 and now - self._before[1][0] >= RATE_OVER:
            self._before.popleft()
        then, before = self._before[0]
        if now - self._before[-1][0] >= RATE_OVER:
            self._before.append((now, taken))
        if now - then < RATE_OVER // 10:
            return [None] * len(taken)
        return [(more - less) * 1e6 / (now - then) for more, less in zip(taken, before, strict=True)]

    def _read(self, reports: Sequence[StageReport]) -> float | None:
        """How much was read: of all bytes, if all sources know theirs, else of all splits."""
        if not self._bounded:
            return None
        left = [split for report in reports for split in report.splits]
        if not left:
            return 1.0
        if self._sizes is None:
            self._sizes = self._find_sizes()
        sizes = self._sizes
        known = [size for size in sizes if size is not None]
        unread = [backlog.size for _, _, backlog in left if backlog.size is not None]
        if len(known) == len(sizes) and len(unread) == len(left) and any(known):
            return max(0.0, 1 - sum(unread) / sum(known))
        return 1 - len(left) / len(sizes)

    def _stage(self, stage: Stage, report: StageReport, now: int, rate: float | None,
               watermarks: Mapping[str, int]) -> StageStatus:
        return StageStatus(
            stage.name, tuple(op.label for op in stage.ops),
            isinstance(stage.ops[0].payload, Read), _at(report.input_watermark),
            _at(report.output_watermark), _lag(report.input_watermark, now), _lag(report.output_watermark, now),
            self._holder(stage, report, watermarks), report.taken, report.made, rate,
            report.state.entries, report.state.bytes, report.wait.elements if report.wait else 0,
            tuple(SplitStatus(split, _at(micros), backlog) for split, micros, backlog in report.splits),
            stage.name not in self._read_by_others)

    # Why a watermark is where it is: the table above.

    def _holder(self, stage: Stage, report: StageReport, watermarks: Mapping[str, int]) -> Holder | None:
        at = report.output_watermark
        if at >= MAX_MICROS:
            return None
        behind = report.input_watermark
        sink = next((op for op in stage.sinks
                     if any(report.watermarks.get(name) == at for name in op.outputs.values())), None)
        if sink is not None and behind > at:
            return Holder('commit', _at(at), sink.user_label)
        if report.maker is not None:
            return self._of_data(stage, report)
        if report.wait is not None and report.wait.hold.micros < min(behind, _micros(report.hold)):
            return self._of_wait(stage, report.wait, watermarks)
        if report.hold is not None and report.hold.micros < behind:
            op = stage.ops[0]
            window = self._window(op, report.hold.window)
            return Holder('held', _at(report.hold.micros), op.user_label, window, report.hold.key)
        if isinstance(stage.ops[0].payload, Read):
            return self._of_split(stage.ops[0], report)
        return self._of_input(stage, watermarks)

    def _of_data(self, stage: Stage, report: StageReport) -> Holder:
        assert report.maker is not None
        op = stage.ops[report.maker]
        if report.splits:
            return self._of_split(op, report)
        return Holder('data', _at(report.output_watermark), op.user_label)

    def _of_split(self, op: Op, report: StageReport) -> Holder:
        split, micros, _ = min(report.splits, key=lambda item: item[1], default=(None, report.output_watermark, None))
        note = '' if micros > MIN_MICROS or split is None else self._of_silence(op)
        return Holder('split', _at(micros), op.user_label, split=split, note=note)

    def _of_silence(self, op: Op) -> str:
        """What there is to say of a split whose watermark is at the minimum."""
        if not isinstance(op.payload, Read):
            return 'from which it has seen no element yet'
        if any(name in self._timed for name in op.outputs.values()):
            return 'which says nothing of its watermark; what is behind WithTimestamps goes by one from the data'
        return ('which has said nothing of its watermark yet; if it never does, make one with '
                'WithTimestamps(..., out_of_orderness=...)')

    def _of_wait(self, stage: Stage, wait: Wait, watermarks: Mapping[str, int]) -> Holder:
        op = stage.ops[wait.op]
        slowest = min(wait.awaited, key=watermarks.__getitem__, default=None)
        maker = '' if slowest is None else self._makers[slowest].name
        return Holder('side input', _at(wait.hold.micros), op.user_label, self._window(op, wait.hold.window),
                      stage=maker, waiting=wait.elements)

    def _of_input(self, stage: Stage, watermarks: Mapping[str, int]) -> Holder:
        slowest = min(stage.inputs, key=watermarks.__getitem__)
        return Holder('input', _at(watermarks[slowest]), stage=self._makers[slowest].name)

    def _window(self, op: Op, raw: Any) -> Any:
        return raw_windows(self._plan.collections[op.inputs[0]].windowing.windowfn).decode(raw)


def _timed(plan: Plan) -> set[str]:
    """The collections of which some go through an operator that makes a watermark from the data."""
    timed: set[str] = set()
    for op in reversed([op for stage in plan.stages for op in stage.ops]):
        makes = isinstance(op.payload, ParDo) and op.payload.out_of_orderness is not None
        if makes or any(name in timed for name in op.outputs.values()):
            timed.update(op.inputs)
    return timed


def _at(micros: int) -> Timestamp:
    return Timestamp(micros=max(MIN_MICROS, min(micros, MAX_MICROS)))


def _lag(micros: int, now: int) -> Duration | None:
    return None if micros <= MIN_MICROS or micros >= MAX_MICROS else Duration(micros=now - micros)


def _micros(hold: Hold | None) -> int:
    return MAX_MICROS if hold is None else hold.micros


def _merge(parts: Sequence[StageReport]) -> StageReport:
    """A stage over all hosts: the least watermarks, what holds the most, and sums."""
    last = min(parts, key=lambda part: part.output_watermark)
    waits = [part.wait for part in parts if part.wait is not None]
    earliest = min(waits, key=lambda wait: wait.hold.micros, default=None)
    return StageReport(
        min(part.input_watermark for part in parts), last.output_watermark,
        {name: min(part.watermarks[name] for part in parts) for name in last.watermarks}, last.maker,
        _earliest(part.hold for part in parts),
        earliest._replace(elements=sum(wait.elements for wait in waits)) if earliest is not None else None,
        sum(part.taken for part in parts), sum(part.made for part in parts),
        Size(sum(part.state.entries for part in parts), sum(part.state.bytes for part in parts)),
        [item for part in parts for item in part.splits])


def _earliest(holds: Iterable[Hold | None]) -> Hold | None:
    return min((hold for hold in holds if hold is not None), key=lambda hold: hold.micros, default=None)
