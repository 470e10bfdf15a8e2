"""One stage in one host: lives as long as the stream, and owns the state of its keys.

In an epoch it takes what came for it under its old watermark, then its watermark advances and what is due fires. What
it makes leaves by collection, each with its watermark (``watermark.py``).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from bourne.engine.bundle import Bundle
from bourne.engine.combining import of_nothing
from bourne.engine.keyed import Hold, Keyed
from bourne.engine.keyhash import key_group, partition_of
from bourne.engine.panes import windowing_operator
from bourne.engine.plan.stage import Op, Plan, Stage
from bourne.engine.program.program import Program
from bourne.engine.stream.gate import Gate
from bourne.engine.stream.readers import Readers
from bourne.engine.stream.status import StageReport
from bourne.engine.stream.watermark import Tops, delays, spread
from bourne.engine.stream.writers import Writers
from bourne.engine.task import Run
from bourne.sdk.graph.nodes import Combine, GroupByKey, Read
from bourne.sdk.model.metric import DROPPED_LATE, MetricsContainer
from bourne.sdk.model.pane import ONLY_PANE
from bourne.sdk.model.timestamp import GLOBAL_END_MICROS, MAX_MICROS, MIN_MICROS
from bourne.sdk.model.window import GLOBAL_WINDOW

Outputs = dict[str, list[Bundle]]


class Instance:
    """A stage where it runs, for the life of a stream. Used by one thread.

    Args:
      plan: the plan.
      stage: one of its stages, with user functions that nobody else uses.
      run: what the whole run has in common.
      host: this host's number: the partition that the instance owns.
      hosts: how many there are.
      splits: for a stage that reads a source, its splits here and the positions to start from.
    """

    def __init__(self, plan: Plan, stage: Stage, run: Run, host: int, hosts: int,
                 splits: Sequence[tuple[Any, Any]] = ()) -> None:
        self.stage = stage
        self.watermark = MIN_MICROS
        self.outputs: Outputs = {}
        self.watermarks: dict[str, int] = dict.fromkeys(stage.produced, MIN_MICROS)
        self._size = run.bundle_size
        self._gate = Gate(plan, stage) if stage.side_inputs else None
        self._program = Program(plan, stage, self._gate.views if self._gate else None)
        self.writers = Writers(stage.sinks, run.id, host, hosts)
        root = self._program.layout.root
        self._keyed = _keyed(plan, root)
        self._ports = _ports(root)
        self._readers: Readers | None = None
        if root is not None and isinstance(root.payload, Read):
            self._readers = Readers(root.source, splits, self._step_source, run.bundle_size)
        self._leaving = _leaving(plan, stage)
        self._delays = delays(stage)
        self._tops = Tops(self._delays, range(len(splits)) if self._readers else (0,))
        self._default = isinstance(root.payload, Combine) and root.payload.default \
            and host == partition_of(key_group(None), hosts) if root is not None else False
        self._emitted = False
        self._counted = 0
        self._taken = self._made = 0

    def open(self) -> None:
        """Sets the user's functions up."""
        self._program.begin(self.writers, self._leave)
        self._program.open()

    def close(self) -> None:
        """Closes readers and tears the user's functions down.

        Raises:
          Exception: the first failure of a teardown, when all were called.
        """
        if self._readers is not None:
            self._readers.close()
        self.writers.abort()
        self._program.close()

    # An epoch.

    def read(self, now: int, drain: bool) -> None:
        """An epoch of a stage that reads a source: polls it, and advances to its watermark."""
        assert self._readers is not None
        if drain:
            self._readers.stop(self._tops.ended)
        for split, bundle in self._readers.poll(now, self._tops.ended):
            self._taken += len(bundle.values)
            self._take(bundle, None, split)
        self._advance(self._readers.watermark, now)

    def take(self, inputs: Mapping[str, Sequence[Bundle]], watermark: int, now: int,
             sides: Mapping[str, tuple[Iterable[Bundle], int]]) -> None:
        """An epoch of any other stage.

        Args:
          inputs: what came for it, by collection.
          watermark: its input watermark.
          now: processing time, in microseconds.
          sides: what came of each side input, and its watermark.
        """
        self._taken += sum(len(bundle.values) for bundles in inputs.values() for bundle in bundles)
        if self._gate is not None:
            inputs = self._gate.pass_on(inputs, watermark, now, sides)
        self._program.now = now
        for name, bundles in inputs.items():
            for bundle in bundles:
                if self._keyed is None:
                    self._take(bundle, name, 0)
                    continue
                for port in self._ports[name]:
                    self._emit(self._program.step(0, '', self._keyed.add, port, bundle, now))
        self._advance(watermark, now)

    def _take(self, bundle: Bundle, name: str | None, split: int) -> None:
        """Gives a bundle to the program: one of a collection, or of what the root made."""
        program = self._program
        for part in bundle.cut(self._size):
            if name is None or program.layout.root is not None:
                program.process_root(part)
            else:
                program.process(part, name)
        if self._delays:
            self._tops.seen(split, {number: program.tops[number] for number in self._delays})
            for number in self._delays:
                program.tops[number] = MIN_MICROS

    def _emit(self, bundles: Iterable[Bundle]) -> None:
        for bundle in self._program.watch_root(iter(bundles)):
            if bundle.values:
                self._emitted = True
                self._take(bundle, None, 0)

    def _advance(self, watermark: int, now: int) -> None:
        moved = watermark > self.watermark
        if self._keyed is not None:
            if moved or self._is_due(self._keyed.due(), now):
                self._emit(self._program.step(0, '', self._keyed.advance, watermark, now))
            if watermark == MAX_MICROS and self._default and not self._emitted:
                self._default = False
                self._emit([_nothing(self._program.layout.root)])
        elif moved or self._is_due(self._program.due(), now):
            self._program.advance(watermark, now)
        self.watermark = watermark
        for callback in self._program.finalizer.callbacks:
            callback()
        self._program.finalizer.callbacks.clear()
        self._set_watermarks(watermark)

    @staticmethod
    def _is_due(due: int | None, now: int) -> bool:
        return due is not None and due <= now

    def _set_watermarks(self, watermark: int) -> None:
        if watermark == MAX_MICROS:
            self._tops.ended(0) if self._readers is None else None
        own = {number: self._tops.watermark(number, delay) for number, delay in self._delays.items()}
        for name, micros in spread(self.stage, self._base(), own).items():
            # A hold may be set behind what was promised, for late data; a promise stands.
            if micros > self.watermarks[name]:
                self.watermarks[name] = micros

    def _base(self) -> int:
        """The watermark of what comes into the loops."""
        hold = self.hold()
        return self.watermark if hold is None else min(self.watermark, hold.micros)

    def _leave(self, collection: str, bundle: Bundle) -> None:
        self._made += len(bundle.values)
        self.outputs.setdefault(collection, []).append(bundle)

    def _step_source(self, action: Any, *args: Any) -> Any:
        return self._program.step(0, '', action, *args)

    # What others ask.

    @property
    def reads(self) -> bool:
        """It reads a source."""
        return self._readers is not None

    @property
    def ended(self) -> bool:
        """Nothing comes any more: its source has ended or, once all sources have, its watermark is at infinity."""
        return self._readers.ended if self._readers is not None else self.watermark == MAX_MICROS

    @property
    def busy(self) -> bool:
        """A source may have more at once."""
        return self._readers is not None and self._readers.busy and not self._readers.ended

    def due(self, now: int) -> int | None:
        """The processing time, in microseconds, at which something is due at the latest."""
        if self._readers is not None:
            return self._readers.due(now)
        found = [self._keyed.due() if self._keyed is not None else self._program.due(),
                 self._gate.due() if self._gate is not None else None]
        return min((due for due in found if due is not None), default=None)

    def filenos(self) -> list[int]:
        """Descriptors that become readable when a source has data."""
        return self._readers.filenos() if self._readers is not None else []

    def hold(self) -> Hold | None:
        """What holds the output watermark back, if anything does."""
        found = [self._keyed.hold() if self._keyed is not None else self._program.hold(),
                 self._gate.hold() if self._gate is not None else None]
        return min((hold for hold in found if hold is not None), default=None, key=lambda hold: hold.micros)

    def take_metrics(self) -> MetricsContainer:
        """What was counted and measured since this was asked last."""
        program = self._program
        program.finish()
        if self._keyed is not None and self._keyed.dropped > self._counted:
            label = self.stage.ops[0].label
            program.metrics.counter(label, DROPPED_LATE).update(self._keyed.dropped - self._counted)
            self._counted = self._keyed.dropped
        taken = program.metrics
        program.begin(self.writers, self._leave)
        return taken

    def _watermark_at_the_end(self) -> int:
        """The watermark of what comes to those operators that make nothing."""
        base = self._base()
        return min((self.watermarks.get(name, base) for op in self.stage.ops if not op.outputs for name in op.inputs),
                   default=base)

    def status(self, committed: Mapping[str, int]) -> StageReport:
        """How the stage stands in this host.

        Args:
          committed: the watermarks of what commits of sinks return.
        """
        watermarks = {name: committed.get(name, self.watermarks[name]) for name in self._leaving}
        lowest = min(watermarks.values(), default=self._watermark_at_the_end())
        maker = next((number for number, delay in self._delays.items()
                      if self._tops.watermark(number, delay) == lowest), None)
        splits = self._readers.backlog() if self._readers is not None else {}
        if maker is not None:
            splits = {number: (split, self._tops.of_split(maker, number, self._delays[maker]), left)
                      for number, (split, _, left) in splits.items()}
        head = self._keyed if self._keyed is not None else self._program
        return StageReport(self.watermark, lowest, watermarks, maker, head.hold(),
                           self._gate.wait() if self._gate is not None else None, self._taken, self._made, head.size(),
                           list(splits.values()))


def _keyed(plan: Plan, root: Op | None) -> Keyed | None:
    if root is None or not isinstance(root.payload, (GroupByKey, Combine)):
        return None
    return windowing_operator(root.payload, plan.collections[root.inputs[0]].windowing)


def _leaving(plan: Plan, stage: Stage) -> list[str]:
    """The collections that other stages read or, if there are none, those that this one does not."""
    outside = {name for other in plan.stages if other is not stage for name in (*other.inputs, *other.side_inputs)}
    inside = {name for op in stage.ops for name in (*op.inputs, *(one for names in op.side_inputs for one in names))}
    return sorted(stage.produced & outside or stage.produced - inside)


def _ports(root: Op | None) -> dict[str, list[int]]:
    """The ports that each collection comes in through."""
    found: dict[str, list[int]] = {}
    if root is not None:
        for name, port in zip(root.inputs, root.ports or (0,) * len(root.inputs), strict=True):
            found.setdefault(name, []).append(port)
    return found


def _nothing(root: Op | None) -> Bundle:
    """The combination of nothing at all."""
    assert root is not None
    return Bundle([(None, of_nothing(root.fn))], GLOBAL_END_MICROS, GLOBAL_WINDOW, ONLY_PANE)
