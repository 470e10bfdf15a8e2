"""A stage's program: its operators, ready to take bundles.

The life of a program::

    program.open()                  # user functions are set up
    program.begin(writers, leave)   # a task begins
    program.process(bundle, name)   # once for every bundle of the collection that the stage reads
    program.advance(watermark, now) # state and timers: what is due fires; in the end with the highest watermark
    program.finish()                # tables are flushed; the task's outputs are complete
    program.close()                 # when there are no more tasks: user functions are torn down

Loops are generated when a bundle needs one: for the collection it is of, the form it is in, and what is known of
the functions by then.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from functools import partial
from importlib import import_module
from itertools import chain
from types import CodeType
from typing import TYPE_CHECKING, Any

from bourne.engine.bundle import Bundle, from_rows
from bourne.engine.combining import folding, of_keys
from bourne.engine.grouping import emit
from bourne.engine.keyed import Hold, Size
from bourne.engine.memory import ENTRY, estimate
from bourne.engine.pace import Pace
from bourne.engine.plan.stage import Op, Plan, Stage
from bourne.engine.program import lifecycle, runtime
from bourne.engine.program.binding import Views, bind
from bourne.engine.program.calls import Calls
from bourne.engine.program.generate import Generator, Loop
from bourne.engine.program.layout import Layout, Port
from bourne.engine.program.notes import annotate, concerning, ended
from bourne.engine.program.source import Origin, compile_source, function_of
from bourne.engine.program.tables import Tables
from bourne.engine.windows import raw_windows
from bourne.errors import ExecutionError
from bourne.sdk.graph.nodes import MAIN, ParDo, Read, Write
from bourne.sdk.model.dofn import BundleFinalizer
from bourne.sdk.model.known import short
from bourne.sdk.model.metric import (
    DROPPED_LATE,
    MetricsContainer,
    current_container,
    elements_name,
    register_program,
)
from bourne.sdk.model.sink import Writer
from bourne.sdk.model.timestamp import MIN_MICROS
from bourne.sdk.model.trigger import Windowing
from bourne.sdk.model.window import GlobalWindows

if TYPE_CHECKING:
    from bourne.engine.program.stateful import Made, StatefulOperator
    from bourne.engine.state import Row

#: What state and timers need; imported only for stages that have some.
STATEFUL = 'bourne.engine.program.stateful'
#: About how many outputs of timers make a bundle, if nothing else is said.
OUTPUTS = 10_000
#: What would end the program, or a generator of the engine, as if it had been meant.
ENDINGS = (SystemExit, GeneratorExit)


def _stateful(op: Op, stage: Stage, windowing: Windowing) -> StatefulOperator:
    made: StatefulOperator = import_module(STATEFUL).StatefulOperator(op, stage, windowing)
    return made


def _discard(collection: str, bundle: Bundle) -> None:
    """For programs that only show their source."""


class Program:
    """One instance of a stage, used by one thread.

    Args:
      plan: the plan.
      stage: one of its stages, with user functions that nobody else uses.
      views: for operator and side input number, how a side input is looked up.
      table_memory: how many bytes accumulators may take before they are sent on.
      bundle_size: the most elements of a bundle, or ``None`` to let the program choose.

    Attributes:
      most_kept: the most bytes that accumulators took in the task, as far as was looked.
      now: processing time, in microseconds, while bundles are processed: for timers. Whoever drives the program owns
        the clock.
    """

    def __init__(self, plan: Plan, stage: Stage, views: Views | None = None, table_memory: float = math.inf,
                 bundle_size: int | None = None) -> None:
        self.stage = stage
        self.layout = Layout(plan, stage)
        self._writers: dict[str, Writer[Any]] = {}
        self._leave: Callable[[str, Bundle], None] = _discard
        self.metrics = MetricsContainer(stage.ops[0].label)
        self.finalizer = BundleFinalizer()
        #: The greatest timestamp, in microseconds, that each operator with a watermark of its own has seen.
        self.tops = [MIN_MICROS] * len(stage.ops)
        self._windowings = {name: item.windowing for name, item in plan.collections.items()}
        first = stage.ops[0]
        self._stateful = _stateful(first, stage, self._windowings[first.inputs[0]]) if first.is_stateful else None
        self._calls = Calls(self.layout, {
            number: [self._windowings[names[0]].windowfn for names in op.side_inputs]
            for number, op in enumerate(stage.ops) if op.side_inputs}, self._stateful)
        self._strays: list[list[tuple[Any, int, Any, Any]]] = [[] for _ in stage.ops]
        self._counts = [0] * (len(self.layout.collections) + len(stage.ops))
        self._prone: frozenset[int] = frozenset()
        self._loops: dict[tuple[str, int, frozenset[int]], tuple[Callable[..., list[Any]], tuple[Port, ...]]] = {}
        self._origins: dict[CodeType, tuple[Origin | None, ...]] = {}
        self._tables = Tables(stage.ops, table_memory)
        self._names = bind(self.layout, views or {}, self._tables.by_op) | {
            'counts': self._counts, 'kinds': [None] * len(stage.ops), 'stray': self._stray, 'contexts': {},
            'tops': self.tops, 'finalizer': self.finalizer}
        if self._stateful is not None:
            self._names |= self._stateful.names()
            self._stateful.prepare(self._names)
        self._sinks = {op.label: number for number, op in enumerate(stage.ops) if isinstance(op.payload, Write)}
        self._set_up: list[int] = []
        self._dofns = lifecycle.dofns_of(stage.ops)
        self._stack = ExitStack()
        self._pace: Pace | None = None
        self._kept = 0
        self._most_outputs = bundle_size or OUTPUTS
        self.now = 0

    def open(self) -> None:
        """Sets the user's functions up."""
        for number, op in enumerate(self.stage.ops):
            self._set_up.append(number)
            self.step(number, 'setup', partial(lifecycle.set_up, op, self._names['contexts'], self._stack))
        if self._stateful is not None:
            self.step(0, 'setup', self._stateful.set_up)

    def begin(self, writers: dict[str, Writer[Any]], leave: Callable[[str, Bundle], None],
              pace: Pace | None = None) -> None:
        """Starts a task.

        Args:
          writers: gets a writer for each of the stage's sinks, by the operator's label, before a bundle comes.
          leave: takes a collection's name and a bundle of it that other stages read.
          pace: in which parts the elements of a bundle go through the loops, so that what is made of one part is not
            too much for memory. Whatever takes the outputs adds their size. By default all elements go at once.
        """
        self._writers = writers
        self._leave = leave
        self._pace = pace
        self._kept = self.most_kept = 0
        self.metrics = MetricsContainer(self.stage.ops[0].label)
        self.finalizer.callbacks.clear()

    def close(self) -> None:
        """Tears down the user's functions whose setup was called, all of them even if some fail.

        Raises:
          Exception: the first failure, then.
        """
        failures: list[Exception] = []
        duties: list[tuple[int, Callable[[], None]]] = [
            (number, partial(lifecycle.tear_down, self.stage.ops[number])) for number in self._set_up]
        if self._stateful is not None:
            duties.append((0, self._stateful.tear_down))
        for number, duty in duties:
            try:
                self.step(number, 'teardown', duty)
            except Exception as error:
                failures.append(error)
        for _, bundled in self._dofns:
            bundled.leave()
        self._stack.close()
        if failures:
            raise failures[0]

    def process(self, bundle: Bundle, collection: str) -> None:
        """Does everything that the stage does with a bundle."""
        with current_container(self.metrics):
            self._start_bundle()
            for part in self._parts(bundle):
                self._dispatch(part, collection)
            self._finish_bundle()

    def _start_bundle(self) -> None:
        if self._stateful is not None:
            self._stateful.state.scope.now = self.now
        # From the end: what one starts with goes to those behind it, which must have started.
        for number, dofn in reversed(self._dofns):
            self._emit(number, self.step(number, 'start_bundle', partial(
                lifecycle.start, dofn, self._names['contexts'], self.finalizer)), 'start_bundle')

    def _finish_bundle(self) -> None:
        if self._stateful is not None:
            self.step(0, '', self._stateful.state.settle)
        for number, dofn in self._dofns:
            self._emit(number, self.step(number, 'finish_bundle', partial(
                lifecycle.finish, dofn, self._names['contexts'], self.finalizer)), 'finish_bundle')

    def _parts(self, bundle: Bundle) -> Iterator[Bundle]:
        """The bundle in parts, each as large as the outputs of the last one allow."""
        pace, count, start = self._pace, len(bundle.values), 0
        if pace is None:
            yield bundle
            return
        while start < count:
            stop = min(start + pace.limit, count)
            yield bundle if stop - start == count else bundle.take(slice(start, stop))
            self._tables.took(stop - start)
            entries = self._tables.entries
            pace.add(ENTRY * max(0, entries - self._kept))
            pace.took(stop - start)
            self.most_kept = max(self.most_kept, self._tables.size)
            if self._tables.full:
                self._flush_tables()
                pace.forget()
                entries = 0
            self._kept = entries
            start = stop

    def process_root(self, bundle: Bundle) -> None:
        """The same for a bundle of what the stage's root operator gave."""
        root = self.stage.ops[0]
        if isinstance(root.payload, Read):
            self.step(0, '', runtime.check_times, bundle)
        if isinstance(root.payload, Write):
            self._write(root.label, bundle.values)
        elif MAIN in root.outputs:
            self.process(bundle, root.outputs[MAIN])

    def watch_root(self, bundles: Iterator[Bundle]) -> Iterator[Bundle]:
        """The bundles that the root operator makes, made with its label in errors and metrics."""
        while True:
            with current_container(self.metrics):
                bundle = self.step(0, '', next, bundles, None)
            if bundle is None:
                return
            yield bundle

    def finish(self) -> None:
        """Puts what was combined into the outputs, and the built-in counts into the metrics."""
        with current_container(self.metrics):
            self._flush_tables()
        for number, op in enumerate(self.stage.ops):
            self._report(op.label, MAIN, self.layout.unread(number))
            for tag, name in op.outputs.items():
                self._report(op.label, tag, self.layout.number(name))

        if self._stateful is not None and self._stateful.state.dropped:
            self.metrics.counter(self.stage.ops[0].label, DROPPED_LATE).update(self._stateful.state.dropped)
            self._stateful.state.dropped = 0

    def _report(self, label: str, tag: str, number: int) -> None:
        count, self._counts[number] = self._counts[number], 0
        if count:
            self.metrics.counter(label, elements_name(tag or None)).update(count)

    def sources(self) -> list[str]:
        """The source of the loops generated so far, or of the most common one if there is none yet."""
        if not self._loops:
            entry = self.stage.ops[0].outputs.get(MAIN) if self.layout.root else next(iter(self.stage.inputs), None)
            if entry is not None and self.layout.is_read(entry):
                return [self._generate(entry, 0).text]
        return [''.join(self._generate(name, form).text) for name, form, prone in self._loops if prone == self._prone]

    # State and timers.

    def advance(self, watermark: int, now: int) -> None:
        """Lets time pass: timers fire, windows expire, and what their methods give goes through the stage.

        Args:
          watermark: the input watermark, in microseconds; never less than before. At its maximum everything ends.
          now: processing time, in microseconds.
        """
        self.now = now
        if self._stateful is None:
            return
        with current_container(self.metrics):
            firings = self._stateful.state.firings(watermark, now)
            while (first := self.step(0, '', next, firings, None)) is not None:
                self._start_bundle()
                made = self.step(0, 'on_timer', self._stateful.fire, chain((first,), firings), self._most_outputs)
                self._emit_made(made)
                self._finish_bundle()
        self._tables.took(0)
        if self._tables.full:
            self._flush_tables()

    def _emit_made(self, made: Made) -> None:
        """Sends what timers gave through the rest of the stage."""
        op = self.stage.ops[0]
        assert isinstance(op.payload, ParDo)
        if op.payload.check_output is not None:
            for value in made.plain.values:
                self.step(0, 'on_timer', op.payload.check_output, value)
        if MAIN in op.outputs:
            self._dispatch(made.plain, op.outputs[MAIN])
        else:
            self._counts[self.layout.unread(0)] += len(made.plain.values)
        if made.strays:
            self._emit(0, made.strays, 'process')

    def hold(self) -> Hold | None:
        """The earliest that timers and the ends of windows will still give; ``None`` if there are none."""
        return None if self._stateful is None else self._stateful.state.hold()

    def due(self) -> int | None:
        """The processing time, in microseconds, at which :meth:`advance` should be called again at the latest."""
        return None if self._stateful is None else self._stateful.state.due()

    def size(self) -> Size:
        """What is remembered at the moment. Looks at a few keys, so ask now and then."""
        return Size(0, 0) if self._stateful is None else self._stateful.state.size()

    def snapshot(self) -> Iterator[Row]:
        """What is remembered, as plain data by key and window: see :meth:`KeyedState.snapshot`."""
        return iter(()) if self._stateful is None else self._stateful.state.snapshot()

    def restore(self, rows: Iterable[Row], watermark: int) -> None:
        """Remembers what a snapshot says: see :meth:`KeyedState.restore`."""
        if self._stateful is not None:
            self.step(0, '', self._stateful.state.restore, rows, watermark)

    def forget(self) -> None:
        """Forgets all state; time begins anew."""
        if self._stateful is not None:
            self._stateful.state.forget()

    # Running loops.

    def _dispatch(self, bundle: Bundle, collection: str) -> None:
        """Takes a bundle of a collection to all that want it."""
        if not bundle.values:
            return
        self._counts[self.layout.number(collection)] += len(bundle.values)
        if collection in self.layout.outs:
            self._hand_over(collection, bundle)
        if self.layout.is_read(collection):
            self._run(bundle, collection)

    def _hand_over(self, collection: str, bundle: Bundle) -> None:
        """Gives a bundle to other stages."""
        self.step(self.layout.maker(collection), 'the exchange of its output', self._leave, collection, bundle)

    def _run(self, bundle: Bundle, collection: str) -> None:
        loop, ports = self._loop(collection, bundle.form)
        try:
            results = loop(bundle.values, bundle.timestamps, bundle.windows, bundle.panes)
        except Exception as error:
            annotate(error, self.stage, self._origins)
            raise
        except ENDINGS as error:
            annotate(error, self.stage, self._origins)
            raise ended(error) from error
        for port, result in zip(ports, results, strict=True):
            if port.kind == 'loop':
                if self._pace is not None:
                    self._pace.add(estimate(result))
                self._dispatch(result, port.name)
            elif port.kind == 'sink':
                self._write(port.name, result)
            elif result.values:
                self._hand_over(port.name, result)
                if not self.layout.is_read(port.name):
                    self._counts[self.layout.number(port.name)] += len(result.values)
        for number, strays in enumerate(self._strays):
            if strays:
                self._strays[number] = []
                self._emit(number, strays, 'process')

    def _loop(self, collection: str, form: int) -> tuple[Callable[..., list[Any]], tuple[Port, ...]]:
        key = (collection, form, self._prone)
        found = self._loops.get(key)
        if found is None:
            loop = self._generate(collection, form)
            code = function_of(compile_source(loop.text))
            self._origins[code] = loop.origins
            register_program(code, self._line_to_step(loop.origins))
            namespace = {**self._names, **self._calls.constants}
            exec(compile_source(loop.text), namespace)
            found = self._loops[key] = (namespace['stage'], loop.ports)
        return found

    def _generate(self, collection: str, form: int) -> Loop:
        return Generator(self.layout, self._calls, form, self._prone).loop(collection)

    def _line_to_step(self, origins: tuple[Origin | None, ...]) -> Callable[[int], str | None]:
        labels = [op.label for op in self.stage.ops]

        def step(line: int) -> str | None:
            origin = origins[line] if line < len(origins) else None
            return labels[origin.op] if origin is not None else None

        return step

    def _write(self, label: str, values: list[Any]) -> None:
        if values:
            if self._pace is not None:
                self._pace.add(estimate(Bundle(values)))
            self.write_step(label, 'write', self._writers[label].write, values)

    def _emit(self, number: int, outputs: Iterable[Any] | None, method: str) -> None:
        """Sends outputs that did not come out of a loop through the rest of the stage.

        They are strays, as ``(output, time, window, pane)``, or what a method of a bundle's start or end returned.
        """
        if outputs is None:
            return
        op = self.stage.ops[number]
        windowfn = self._windowings[op.inputs[0]].windowfn
        raw = raw_windows(windowfn)
        assign = None if isinstance(windowfn, GlobalWindows) else runtime.assigner(windowfn, windowfn)
        check = op.payload.check_output if isinstance(op.payload, ParDo) else None
        rows: dict[str, list[runtime.OutputRow]] = {}

        def sort() -> None:
            for item in outputs:
                try:
                    row = item if method == 'process' else lifecycle.as_row(item, windowfn)
                    tag, found, timed = runtime.undress(row, raw, assign)
                except Exception as error:
                    concerning(error, 'element', item[0] if method == 'process' else item)
                    raise
                if timed and tag == MAIN and assign is None:
                    self._prone = self._prone | {number}
                if check is not None and tag == MAIN:
                    for value, *_ in found:
                        check(value)
                if tag != MAIN and tag not in op.outputs:
                    self._undeclared(op, tag, found)
                else:
                    rows.setdefault(tag, []).extend(found)

        self.step(number, method, sort)
        for tag, found in rows.items():
            if tag in op.outputs:
                self._dispatch(from_rows(found), op.outputs[tag])
            elif tag == MAIN:
                self._counts[self.layout.unread(number)] += len(found)

    @staticmethod
    def _undeclared(op: Op, tag: str, found: list[runtime.OutputRow]) -> None:
        payload = op.payload
        if isinstance(payload, ParDo) and not payload.open_tags and tag not in payload.tags \
                and not (payload.guard and payload.guard.tag == tag):
            raise ExecutionError(f'the output {short(found[0][0])} is tagged {tag!r}, which was not declared; '
                                 f'declared: {", ".join(map(repr, payload.tags))}. Add it to with_outputs(...)')

    def step(self, number: int, method: str, action: Callable[..., Any], *args: Any) -> Any:
        """Calls what belongs to an operator outside of a loop: errors and metrics are its own.

        Args:
          number: the operator's number.
          method: which method is called, for the note of an error; may be empty.
          action: what is done.
          args: the action's arguments.
        """
        self.metrics.default_step = self.stage.ops[number].label
        try:
            return action(*args)
        except Exception as error:
            annotate(error, self.stage, self._origins, (number, method))
            raise
        except ENDINGS as error:
            annotate(error, self.stage, self._origins, (number, method))
            raise ended(error) from error

    def write_step(self, label: str, method: str, action: Callable[..., Any], *args: Any) -> Any:
        """The same for the writing operator of that label."""
        return self.step(self._sinks[label], method, action, *args)

    def _flush_tables(self) -> None:
        """Sends on what is in tables."""
        for number, tables in self._tables.by_op.items():
            if any(tables.values()):
                self.step(number, 'compact', self._flush, self.stage.ops[number], tables)
        self._tables.emptied()

    def _flush(self, op: Op, tables: Any) -> None:
        if MAIN not in op.outputs:
            tables.clear()
            return
        name = op.outputs[MAIN]
        fold = folding(op.fn)
        compact = fold.compact
        for bundle in emit(tables, self._windowings[name], lambda one, other: fold.merge([one, other])):
            if compact is not None:
                bundle.values = of_keys(bundle.values, compact)
            self._dispatch(bundle, name)

    def _stray(self, number: int, output: Any, time: int, window: Any, pane: Any,
               lost: list[int] | None = None, place: int = 0) -> None:
        if self._calls.is_stateful(number):
            self._names['check_time'](output, time)
        self._strays[number].append((output, time, window, pane))
        if lost is not None:
            lost[place] += 1


def describe_program(plan: Plan, stage: Stage) -> str:
    """The generated source of a stage, as it is for bundles without columns."""
    return '\n'.join(Program(plan, stage).sources()) or f'# {short(stage.name)}: nothing is done in a loop\n'
