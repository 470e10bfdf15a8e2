"""The program generator: operators become one loop, in the produce/consume style.

A loop takes a bundle of one collection and does everything that the stage does with it. Each operator contributes a
few lines inside of its producer's loop: it consumes a *row* (expressions for an element's value, timestamp, window
and pane) and produces rows for its output. Where elements leave the loop, they are appended to a *port*.

The style is that of Neumann, "Efficiently Compiling Efficient Query Plans for Modern Hardware" (VLDB 2011).

Loops are specialised: columns that are constant in the bundle at hand stay constants, tuples that are taken apart
at once are never built, and what a function returns is only compared with the type that it returned last time. A
``TimestampedValue`` or its like that appears where none was expected is set aside (a *stray*) and goes through the
rest of the stage by a loop of its own; from then on the function counts as *prone*, and loops expect it.
"""

from __future__ import annotations

import re
from typing import Any, NamedTuple

from bourne.engine.plan.stage import Op, PreCombine
from bourne.engine.program.calls import Calls
from bourne.engine.program.layout import Layout, Port
from bourne.engine.program.plainness import lists_plain, returns_plain
from bourne.engine.program.reductions import Reduction, reduction
from bourne.engine.program.source import Origin, Source, comment
from bourne.sdk.graph.nodes import MAIN, ParDo, WindowInto, Write
from bourne.sdk.model.known import Known
from bourne.sdk.model.timestamp import MAX_MICROS, MICROS, MIN_MICROS
from bourne.sdk.model.window import FixedWindows, GlobalWindows, Sessions, SlidingWindows, WindowFn

#: Python allows 20 nested loops and 100 levels of indentation. Deeper chains are cut by a buffer.
MAX_LOOPS = 12
MAX_DEPTH = 60
#: So many operators are written one inside of the other, which takes some ten frames each.
MAX_CHAIN = 40

#: The whole seconds in event time.
MIN_SECONDS, MAX_SECONDS = -(-MIN_MICROS // MICROS), MAX_MICROS // MICROS

CONST, ITEM, SET = 'const', 'item', 'set'


class Row(NamedTuple):
    """An element in the generated code.

    Attributes:
      value: an expression for the element; of a pair that was not built yet, a tuple of two expressions.
      time: an expression for its timestamp in microseconds.
      window: an expression for its raw window, or for an iterable of them.
      pane: an expression for its pane.
      time_kind: ``const`` if it is the same in the whole bundle, else ``item``.
      window_kind: likewise, or ``set`` where ``window`` is an iterable.
      pane_kind: like ``time_kind``.
      rows: an expression that gives, after the loop, how many such rows there were.
      record: for a row of the stateful operator, a variable with the record of its key and window.
    """

    value: str | tuple[str, str]
    time: str
    window: str
    pane: str
    time_kind: str = CONST
    window_kind: str = CONST
    pane_kind: str = CONST
    rows: str = 'len(values)'
    record: str = ''

    @property
    def text(self) -> str:
        """The element as one expression."""
        return self.value if isinstance(self.value, str) else f'({self.value[0]}, {self.value[1]})'


class Loop(NamedTuple):
    """A generated function.

    Attributes:
      text: its source.
      origins: for each line (from 1), what it does.
      ports: what it returns a bundle for, in order.
    """

    text: str
    origins: tuple[Origin | None, ...]
    ports: tuple[Port, ...]


class Generator:
    """Writes the loop for bundles of one collection in one form.

    Args:
      layout: what the stage's operators read and write.
      calls: makes the expressions of calls, and collects the names that they need.
      form: which columns are lists; see :attr:`~bourne.engine.bundle.Bundle.form`.
      prone: numbers of the operators whose function is known to return timestamped values.
    """

    def __init__(self, layout: Layout, calls: Calls, form: int, prone: frozenset[int]) -> None:
        self.layout = layout
        self.calls = calls
        self.form = form
        self.prone = prone
        self.body = Source()
        self.before = Source()
        self.after = Source()
        self.ports: dict[Port, str] = {}
        self.columns: dict[Port, Row] = {}
        self.running: dict[tuple[int, str], dict[str, str]] = {}
        self._next = 0
        self._chained = 0
        self._lost = 0

    def loop(self, collection: str) -> Loop:
        """The loop over a bundle of ``collection``."""
        self.before.depth = self.after.depth = self.body.depth = 1
        row = Row('x', 't', 'w', 'p', ITEM if self.form & 1 else CONST, ITEM if self.form & 2 else CONST,
                  ITEM if self.form & 4 else CONST)
        self.body.depth = 2
        self._consumers(collection, row, out=False)
        whole = Source()
        with whole.block('def stage(values, timestamps, windows, panes):'):
            whole.add(comment(f'every element of {collection}').lstrip())
            header = self._header()
            for line in header[:-1]:
                whole.add(line)
            if self._lost:
                whole.add(f'lost = [0] * {self._lost}')
            whole.extend(self.before)
            if self.body.lines:  # a count of everything is known without a look at the elements
                whole.add(header[-1])
                whole.extend(self.body)
            whole.extend(self.after)
            whole.add(f'return [{", ".join(self._port_bundle(port) for port in self.ports)}]')
        return Loop(whole.text, (None, *whole.origins), tuple(self.ports))

    def _header(self) -> list[str]:
        """Constants for the columns that are constant, and the loop over those that are not."""
        columns = (('t', 'timestamps', 1), ('w', 'windows', 2), ('p', 'panes', 4))
        lines = [f'{name} = {column}' for name, column, bit in columns if not self.form & bit]
        lists = [(name, column) for name, column, bit in columns if self.form & bit and self._uses(name)]
        if not lists:
            return [*lines, 'for x in values:']
        names, values = ', '.join(name for name, _ in lists), ', '.join(column for _, column in lists)
        return [*lines, f'for x, {names} in zip(values, {values}):']

    def _uses(self, name: str) -> bool:
        pattern = re.compile(rf'(?<![\w.]){name}(?!\w)')
        return any(pattern.search(line.split('  # ')[0]) for line in self.body.lines)

    def _port_bundle(self, port: Port) -> str:
        name, row = self.ports[port], self.columns[port]
        if port.kind == 'sink':
            return name
        time = f'{name}_t' if row.time_kind == ITEM else row.time
        window = row.window if row.window_kind == CONST else f'{name}_w'
        pane = f'{name}_p' if row.pane_kind == ITEM else row.pane
        return f'Bundle({name}, {time}, {window}, {pane})'

    def new(self, prefix: str) -> str:
        """A variable that is not used yet."""
        self._next += 1
        return f'{prefix}{self._next}'

    # What happens to the rows of a collection.

    def _consumers(self, collection: str, row: Row, out: bool = True) -> None:
        """Contributes everything that is done with a row of a collection."""
        readers = self.layout.readers(collection)
        leaves = out and collection in self.layout.outs
        if isinstance(row.value, tuple) and len(readers) + leaves > 1:
            row = self._plain(row)
        if leaves:
            self._append(Port('out', collection), row)
        for number in readers:
            self._operator(number, row)

    def produce(self, collection: str | None, row: Row) -> None:
        """Hands a row of an output to those that read it, by way of a buffer where that must be."""
        if collection is None:
            return  # nobody reads it; who makes it has counted
        if not self.layout.is_read(collection):
            if collection in self.layout.outs:  # else nobody wants it: a plan without dropped dead outputs
                self._append(Port('out', collection), row)
        elif not self.layout.is_inline(collection) or self._is_deep():
            self._append(Port('loop', collection), row)
        else:
            self._count(collection, row)
            self._chained += 1
            self._consumers(collection, row)
            self._chained -= 1

    def _is_deep(self) -> bool:
        return self.body.loops > MAX_LOOPS or self.body.depth > MAX_DEPTH or self._chained > MAX_CHAIN

    def _count(self, collection: str, row: Row) -> None:
        self.after.add(f'counts[{self.layout.number(collection)}] += {row.rows}')

    def _append(self, port: Port, row: Row) -> None:
        if row.window_kind == SET and port.kind != 'sink':
            name = self.new('w')
            with self.body.block(f'for {name} in {row.window}:'):
                self._append(port, row._replace(window=name, window_kind=ITEM))
            return
        if port not in self.ports:
            name = self.ports[port] = self.new('out')
            self.columns[port] = row
            self.before.add(f'{name} = []; {name}_add = {name}.append')
        name = self.ports[port]
        self.body.add(f'{name}_add({row.text})')
        if port.kind == 'sink':
            return
        for suffix, kind, text in (('t', row.time_kind, row.time), ('w', row.window_kind, row.window),
                                   ('p', row.pane_kind, row.pane)):
            if kind == ITEM:
                line = f'{name}_{suffix} = []; {name}_{suffix}_add = {name}_{suffix}.append'
                if f'{"    "}{line}' not in self.before.lines:
                    self.before.add(line)
                self.body.add(f'{name}_{suffix}_add({text})')

    # Operators.

    def _operator(self, number: int, row: Row) -> None:
        op = self.layout.ops[number]
        match op.payload:
            case ParDo():
                self._pardo(number, op, op.payload, row)
            case WindowInto():
                windowfn = op.payload.windowfn
                self._each_window(row, lambda one: self._place(number, op, windowfn, one))
            case PreCombine():
                self._each_window(row, lambda one: self._precombine(number, op, one))
            case Write():
                self._append(Port('sink', op.label), row)
            case _:
                raise AssertionError(f'{op.label}: {op.kind} cannot stand inside of a loop')

    def _each_window(self, row: Row, consume: Any) -> None:
        """Consumes the row once for each of its windows."""
        if row.window_kind != SET:
            consume(row)
            return
        name, count = self.new('w'), self.new('n')
        self.before.add(f'{count} = 0')
        with self.body.block(f'for {name} in {row.window}:'):
            self.body.add(f'{count} += 1')
            consume(row._replace(window=name, window_kind=ITEM, rows=count))

    def _plain(self, row: Row) -> Row:
        """The row with its element in a variable."""
        if isinstance(row.value, str):
            return row
        name = self.new('x')
        self.body.add(f'{name} = {row.text}')
        return row._replace(value=name)

    def _pair(self, row: Row, origin: Origin) -> tuple[str, str]:
        """The key and value of a row as expressions."""
        if isinstance(row.value, tuple):
            return row.value
        key, value = self.new('k'), self.new('v')
        self.body.add(f'{key}, {value} = {row.value}', origin)
        return key, value

    def _pardo(self, number: int, op: Op, payload: ParDo, row: Row) -> None:
        if isinstance(payload.fn, Known) and payload.style == 'map' and not payload.check_input \
                and not payload.check_output and not payload.guard:
            self._known(number, op, payload.fn, row)
        elif self.calls.is_stateful(number):
            self._each_window(row, lambda one: self._of_key(number, op, payload, self._plain(one)))
        elif self.calls.looks_at_window(number):
            self._each_window(row, lambda one: self._call(number, op, payload, self._plain(one)))
        else:
            self._call(number, op, payload, self._plain(row))

    def _of_key(self, number: int, op: Op, payload: ParDo, row: Row) -> None:
        """Calls a function with the record of the element's key and window at hand."""
        origin = Origin(number, row.text)
        key, record = self.new('k'), self.new('record')
        look_up = f'records[{row.window}].get'
        if row.window_kind == CONST:
            name = self.new('get')
            self.before.add(f'{name} = {look_up}', Origin(number, ''))
            look_up = name
        with self.body.block('try:'):
            self.body.add(f'{key}, _ = {row.text}', origin)
            self.body.add(f'{record} = {look_up}({key})', origin)
        with self.body.block('except (TypeError, ValueError) as error:'):
            self.body.add(f'raise not_keyed({row.text}, error) from error', origin)
        self.body.add(f'if {record} is None: {record} = enter({key}, {row.window})', origin)
        with self.body.block(f'if {record} is not None:  # else the window has expired'):
            self.body.add(f'scope.record = {record}')
            self._call(number, op, payload, row._replace(record=record))

    def _known(self, number: int, op: Op, fn: Known, row: Row) -> None:
        origin = Origin(number, row.text)
        argument = 'None' if fn.argument is None else self.calls.constant(fn.argument)
        value: str | tuple[str, str] = row.value
        if fn.name == 'pair_with':
            value = (self._plain(row).text, argument)
        elif fn.name == 'keyed_by':
            value = (argument, self._plain(row).text)
        elif fn.name != 'identity':
            key, item = self._pair(row, origin)
            forms: dict[str, str | tuple[str, str]] = {'key': key, 'value': item, 'swap': (item, key)}
            value = forms[fn.name]
        self.produce(op.outputs.get(MAIN), row._replace(value=value))

    def _call(self, number: int, op: Op, payload: ParDo, row: Row) -> None:
        origin = Origin(number, row.text)
        note = comment(op.label)
        if payload.check_input is not None:
            self.body.add(f'check_in{number}({row.text})', origin)
        call = self.calls.call(number, row, self.before)
        if payload.guard is not None:
            self._guarded(number, op, payload, row, call, origin, note)
        elif payload.style == 'filter':
            self._filter(number, op, row, call, origin, note)
        elif payload.style == 'timestamp':
            self._timestamp(number, op, row, call, origin, note)
        elif payload.style == 'map':
            if not op.outputs and payload.open_tags and payload.check_output is None:  # called for its effects alone
                self.body.add(f'{call}{note}', origin)
                self._count_unread(number, row.rows)
                return
            result = self.new('y')
            self.body.add(f'{result} = {call}{note}', origin)
            if not payload.tags and payload.check_output is None and returns_plain(payload.fn):
                self.produce(op.outputs.get(MAIN), row._replace(value=result))
                return
            self._result(number, op, payload, row, result, row.rows, origin)
        else:
            self._results(number, op, payload, row, call, origin, note)

    def _filter(self, number: int, op: Op, row: Row, call: str, origin: Origin, note: str) -> None:
        with self.body.block(f'if {call}:{note}', origin):
            self._counting(number, op, row)

    def _must_count(self, collection: str | None) -> bool:
        """True if the length of a port does not tell how many rows an output has."""
        return collection is None or self.layout.is_inline(collection)

    def _count_unread(self, number: int, rows: str) -> None:
        """Counts the main output of an operator that nobody reads."""
        self.after.add(f'counts[{self.layout.unread(number)}] += {rows}')

    def _counting(self, number: int, op: Op, row: Row) -> None:
        """Produces the row, counting where the length of a port does not tell."""
        collection = op.outputs.get(MAIN)
        if self._must_count(collection):
            count = self.new('n')
            self.before.add(f'{count} = 0')
            self.body.add(f'{count} += 1')
            row = row._replace(rows=count)
        if collection is None:
            self._count_unread(number, row.rows)
        self.produce(collection, row)

    def _timestamp(self, number: int, op: Op, row: Row, call: str, origin: Origin, note: str) -> None:
        time = self.new('t')
        self.body.add(f'{time} = {call}{note}', origin)
        self.body.add(f'{time} = {time} * 1000000 if type({time}) is int and {MIN_SECONDS} <= {time} <= {MAX_SECONDS} '
                      f'else micros({time})', origin)
        if op.payload.out_of_orderness is not None:  # type: ignore[union-attr]
            self._track(number, time)
        windowfn = self.layout.collections[op.inputs[0]].windowing.windowfn
        self._each_window(row._replace(time=time, time_kind=ITEM), lambda one: self._place(number, op, windowfn, one))

    def _track(self, number: int, time: str) -> None:
        """Keeps the greatest timestamp, of which a watermark is made."""
        top = self.new('top')
        self.before.add(f'{top} = tops[{number}]')
        with self.body.block(f'if {time} > {top}:'):
            self.body.add(f'{top} = {time}')
        self.after.add(f'tops[{number}] = {top}')

    def _results(self, number: int, op: Op, payload: ParDo, row: Row, call: str, origin: Origin, note: str) -> None:
        """An iterable of outputs."""
        results, one, count = self.new('r'), self.new('y'), self.new('n')
        main = op.outputs.get(MAIN)
        counting = self._must_count(main)
        self.before.add(f'{count} = 0')
        self.body.add(f'{results} = {call}{note}', origin)
        if main is not None and counting and payload.check_output is None and lists_plain(payload.fn):
            self.body.add(f'{count} += len({results})')
            with self.body.block(f'for {one} in {results}:', origin):
                self.produce(main, row._replace(value=one, rows=count))
            return
        lists = counting and not self.calls.yields(number) and not op.outputs.keys() - {MAIN}
        if lists:
            with self.body.block(f'if type({results}) is list:'):
                self.body.add(f'{count} += len({results})')
            others = self.new('counted')
            self.before.add(f'{others} = Counted()')
            with self.body.block('else:'):
                self.body.add(f'{results} = {others}({results})', origin)
            self.after.add(f'{count} += {others}.count')
        else:
            with self.body.block(f'if type({results}) not in PLAIN_ITERABLES:'):
                self.body.add(f'{results} = iterable{number}({results})', origin)
        with self.body.block(f'for {one} in {results}:', origin):
            self._result(number, op, payload, row, one, count, origin, count if counting and not lists else '')

    def _guarded(self, number: int, op: Op, payload: ParDo, row: Row, call: str, origin: Origin, note: str) -> None:
        """Failures become outputs: the call is made in a function that knows what to do with them."""
        results, one, count = self.new('r'), self.new('y'), self.new('n')
        self.before.add(f'{count} = 0')
        with self.body.block('try:'):
            self.body.add(f'{results} = guard{number}({call}, {row.text}){note}', origin)
        with self.body.block(f'except caught{number} as error:'):
            self.body.add(f'{results} = failed{number}(error, {row.text})', origin)
        main = op.outputs.get(MAIN)
        counting = count if self._must_count(main) else ''
        with self.body.block(f'for {one} in {results}:', origin):
            self._result(number, op, payload, row, one, count, origin, counting)

    def _result(self, number: int, op: Op, payload: ParDo, row: Row, name: str, count: str, origin: Origin,
                counter: str = '') -> None:
        """One output of a function: plain, or dressed up with a tag or a time."""
        main = op.outputs.get(MAIN)
        out = row._replace(value=name, rows=count)
        tags = {tag: collection for tag, collection in op.outputs.items() if tag != MAIN}
        kind = self.calls.kind(number, self.before, self.after, name)
        if number in self.prone:
            out = self._prone(name, out, origin)
        keyword = 'if'
        if tags:
            with self.body.block(f'if type({name}) is TaggedOutput and type({name}.value) not in SPECIAL:'):
                self._tagged(number, name, out, tags, origin)
            keyword = 'elif'
            if not counter:
                counter = self.new('n')
                self.before.add(f'{counter} = 0')
        rows, lost = counter, ''
        if not counter:
            # Counted here alone: the operator may stand in the loop several times, and strays of it may be waiting.
            rows, lost = f'{count} - lost[{self._lost}]', f', lost, {self._lost}'
            self._lost += 1
        stray = f'stray({number}, {name}, {row.time}, {row.window}, {row.pane}{lost})'
        with self.body.block(f'{keyword} type({name}) is {kind} or type({name}) not in SPECIAL or {stray}:', origin):
            if payload.check_output is not None:
                self.body.add(f'check_out{number}({name})', origin)
            if counter:
                self.body.add(f'{counter} += 1')
            if main is None:
                self._count_unread(number, rows)
            self.produce(main, out._replace(rows=rows))

    def _prone(self, name: str, row: Row, origin: Origin) -> Row:
        """Takes a TimestampedValue apart in the loop."""
        time = self.new('t')
        with self.body.block(f'if type({name}) is TimestampedValue:'):
            if row.record:
                self.body.add(f'check_time({name}, {row.time})', Origin(0, ''))
            self.body.add(f'{time} = in_time({name}.micros)', origin)
            self.body.add(f'{name} = {name}.value')
        with self.body.block('else:'):
            self.body.add(f'{time} = {row.time}')
        return row._replace(time=time, time_kind=ITEM)

    def _tagged(self, number: int, name: str, row: Row, tags: dict[str, str], origin: Origin) -> None:
        keyword = 'if'
        for tag, collection in tags.items():
            with self.body.block(f'{keyword} {name}.tag == {tag!r}:'):
                value, count = self.new('y'), self.new('n')
                self.body.add(f'{value} = {name}.value')
                if self.layout.is_inline(collection):
                    self.before.add(f'{count} = 0')
                    self.body.add(f'{count} += 1')
                self.produce(collection, row._replace(value=value, rows=count))
            keyword = 'elif'
        with self.body.block('else:'):
            self.body.add(f'stray({number}, {name}, {row.time}, {row.window}, {row.pane})', origin)

    def _place(self, number: int, op: Op, windowfn: WindowFn, row: Row) -> None:
        """Produces the row in the windows that a function assigns to it."""
        origin = Origin(number, row.text)
        kind = SET
        match windowfn if type(windowfn) in _KNOWN_WINDOWS else None:  # a subclass may assign others
            case GlobalWindows():
                self.produce(op.outputs.get(MAIN), row._replace(window='GLOBAL_WINDOW', window_kind=CONST))
                return
            case FixedWindows(size=size, offset=offset):
                shift = f'({row.time} - {offset.micros})' if offset.micros else row.time
                text, kind = f'{row.time} - {shift} % {size.micros}', ITEM
            case SlidingWindows(size=size, period=period, offset=offset):
                shift = f'({row.time} - {offset.micros})' if offset.micros else row.time
                text = f'range({row.time} - {shift} % {period.micros}, {row.time} - {size.micros}, -{period.micros})'
            case Sessions(gap_size=gap):
                text, kind = f'({row.time}, {row.time} + {gap.micros})', ITEM
            case _:
                self._assign(number, op, self._plain(row), origin)
                return
        name = self.new('w')
        self._window_target(row, kind).add(f'{name} = {text}{comment(op.label)}', origin)
        if row.time_kind == CONST and kind == ITEM:
            kind = CONST
        self.produce(op.outputs.get(MAIN), row._replace(window=name, window_kind=kind))

    def _window_target(self, row: Row, kind: str) -> Source:
        """Where the window is computed: once, if the time is the same for all."""
        return self.before if row.time_kind == CONST else self.body

    def _assign(self, number: int, op: Op, row: Row, origin: Origin) -> None:
        name = self.new('w')
        self.body.add(f'{name} = assign{number}({row.time}, {row.text}, {row.window}){comment(op.label)}', origin)
        self.produce(op.outputs.get(MAIN), row._replace(window=name, window_kind=SET))

    def _precombine(self, number: int, op: Op, row: Row) -> None:
        origin, note = Origin(number, row.text), comment(op.label)
        key, value = self._pair(row, origin)
        source = reduction(op.fn)
        names = {'op': number, 'key': key, 'value': value, 'rows': row.rows, 'table': self.new('table')}
        if row.window_kind != CONST:
            self.body.add('{table} = tables{op}[{window}]'.format(**names, window=row.window))
            names |= {'get': '{table}.get'.format(**names), 'acc': self.new('a')}
        elif key == 'None':
            self._running(source, names, row, origin, note)
            return
        else:
            names |= {'get': self.new('get'), 'acc': self.new('a')}
            self.before.add('{table} = tables{op}[{window}]; {get} = {table}.get'.format(**names, window=row.window))
        self.body.add_all(source.pair, names, origin, note)

    def _running(self, source: Reduction, names: dict[str, Any], row: Row, origin: Origin, note: str) -> None:
        """Everything has one key: the accumulator is a local variable during the loop.

        An operator that stands in the loop several times has one variable.
        """
        where = (names['op'], row.window)
        if where not in self.running:
            self.running[where] = {'table': names['table'], 'get': self.new('get'), 'acc': self.new('a')}
            names |= self.running[where]
            self.before.add('{table} = tables{op}[{window}]; {get} = {table}.get'.format(**names, window=row.window))
            self.before.add_all(source.begin, names, origin)
        names |= self.running[where]
        self.body.add_all(source.value, names, origin, note)
        with self.after.block(f'if {row.rows}:'):
            self.after.add_all(source.end, names, origin)


_KNOWN_WINDOWS = frozenset({GlobalWindows, FixedWindows, SlidingWindows, Sessions})
