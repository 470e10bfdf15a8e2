"""The stateful operator of a stage: what its loop needs of state, and the calls of its timers' methods.

It stands first in its stage, inside of the loop: the loop finds the record of an element's key and window, puts it into
the scope, and calls ``process`` with cells and timers made from it. When time passes, methods are called one after the
other, and what they give is collected and goes through the rest of the stage as a bundle.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

from bourne.engine.bundle import Bundle
from bourne.engine.cells import KEY, WINDOW
from bourne.engine.plan.stage import Op, Stage
from bourne.engine.program.notes import annotate
from bourne.engine.program.runtime import NAMES, PLAIN_ITERABLES, OutputRow, check_iterable
from bourne.engine.program.source import Source, compile_source
from bourne.engine.state import EXPIRES, Firing, KeyedState
from bourne.engine.windows import raw_windows
from bourne.errors import ExecutionError
from bourne.sdk.graph.nodes import ParDo
from bourne.sdk.model.combinefn import CombineFn
from bourne.sdk.model.dofn import DoFn, DoFnParam, TaggedOutput
from bourne.sdk.model.dressed import DRESSED
from bourne.sdk.model.known import short
from bourne.sdk.model.pane import PANE_INFO_UNKNOWN
from bourne.sdk.model.signature import plan_call
from bourne.sdk.model.stateful import stateful_parts
from bourne.sdk.model.timestamp import Timestamp
from bourne.sdk.model.trigger import Windowing
from bourne.sdk.model.window import GLOBAL_WINDOW, GlobalWindows, TimestampedValue, WindowedValue


class Made(NamedTuple):
    """What methods of timers gave.

    Attributes:
      plain: the outputs that are plain values.
      strays: those that are tagged, timestamped or windowed, as ``(output, time, window, pane)``.
    """

    plain: Bundle
    strays: list[OutputRow]


class StatefulOperator:
    """A ``ParDo`` with state or timers.

    Args:
      op: the operator.
      stage: its stage.
      windowing: the windowing of its input.

    Attributes:
      state: what it remembers.
    """

    def __init__(self, op: Op, stage: Stage, windowing: Windowing) -> None:
        assert isinstance(op.payload, ParDo), op
        parts = stateful_parts(op.payload.fn)
        assert parts is not None, op
        self._fn: DoFn = op.payload.fn
        self._stage = stage
        self._parts = parts
        self._whole = isinstance(windowing.windowfn, GlobalWindows)
        self._decode = raw_windows(windowing.windowfn).decode
        self._methods: dict[int, tuple[str, Callable[..., Any]]] = {}
        self._set_up: list[CombineFn] = []
        self.state = KeyedState(parts, windowing, op.label)

    def names(self) -> dict[str, Any]:
        """What the source of the loop calls by name."""
        names = {'records': self.state.tables, 'enter': self.state.enter, 'scope': self.state.scope,
                 'not_keyed': not_keyed, 'check_time': self.check_time}
        for (kind, _), slot in self.state.slots.items():
            names[f'{kind}{slot}'] = self.state.handles[slot]
        return names

    def set_up(self) -> None:
        """Sets up the functions by which combining state is combined."""
        for handle in self.state.handles.values():
            if hasattr(handle, 'fn'):
                self._set_up.append(handle.fn)
                handle.fn.setup()

    def tear_down(self) -> None:
        """Tears down those whose setup was called."""
        for fn in self._set_up:
            fn.teardown()

    # Methods of timers.

    def prepare(self, names: Mapping[str, Any]) -> None:
        """Gets the methods of timers and expirations ready to be called.

        Args:
          names: what the stage's source calls by name.
        """
        for timer, method in self._parts.callbacks.items():
            if timer in self._parts.timers:
                self._methods[self.state.slots['timer', timer]] = (
                    f'{method}, for the timer {timer!r}', self._compiled(method, names))
        if self._parts.expiration:
            self._methods[EXPIRES] = (f'{self._parts.expiration}, since the window has expired,',
                                      self._compiled(self._parts.expiration, names))

    def _compiled(self, method: str, names: Mapping[str, Any]) -> Callable[..., Any]:
        """A function from a record, a time, a tag and the output timestamp to what the method returns."""
        constants: dict[str, Any] = {}
        call = plan_call(getattr(self._fn, method), lead=False)
        arguments = [self._argument(item, constants) for item in call.positional]
        arguments += [f'{name}={self._argument(item, constants)}' for name, item in call.keyword.items()]
        source = Source()
        with source.block('def call(record, time, tag, output):'):
            source.add(f'return method({", ".join(arguments)})')
        namespace = {**NAMES, **names, **constants, 'method': getattr(self._fn, method), 'as_window': self._decode,
                     'PANE_INFO_UNKNOWN': PANE_INFO_UNKNOWN}
        exec(compile_source(source.text), namespace)
        made: Callable[..., Any] = namespace['call']
        return made

    def _argument(self, item: Any, constants: dict[str, Any]) -> str:
        assert isinstance(item, DoFnParam), item
        match item.name:
            case 'StateParam' | 'TimerParam':
                return self.handle(item, 'record', 'output')
            case 'KeyParam':
                return f'record[{KEY}]'
            case 'WindowParam':
                return f'as_window(record[{WINDOW}])'
            case 'TimestampParam':
                return 'as_timestamp(time)'
            case 'DynamicTimerTagParam':
                return 'tag'
            case 'PaneInfoParam':
                return 'PANE_INFO_UNKNOWN'
            case 'BundleFinalizerParam':
                return 'finalizer'
            case 'SetupContextParam' | 'BundleContextParam':
                constants[f'c{len(constants)}'] = item
                return f'contexts[c{len(constants) - 1}]'
        raise ExecutionError(f'{self.state.scope.label}: a method of a timer asks for {item!r}, which exists only in '
                             f'process')

    def handle(self, param: Any, record: str, time: str) -> str:
        """An expression for the cell or timer that a parameter asks for.

        Args:
          param: the parameter.
          record: an expression for the record.
          time: an expression for the timestamp of the input at hand.
        """
        if param.name == 'StateParam':
            return f'state{self.state.slots["state", param.spec.name]}({record})'
        return f'timer{self.state.slots["timer", param.spec.name]}({record}, {time})'

    def fire(self, firings: Iterator[Firing], most: int) -> Made:
        """Calls methods for what is due, until all is done or they have given so many outputs."""
        values: list[Any] = []
        times: list[int] = []
        windows: list[Any] = []
        strays: list[OutputRow] = []
        whole, methods = self._whole, self._methods
        for record, slot, time, tag, output in firings:
            name, method = methods[slot]
            try:
                results = method(record, time, tag, output)
                if results is None:
                    continue
                if type(results) not in PLAIN_ITERABLES:
                    results = check_iterable(results)
                for result in results:
                    if type(result) in DRESSED:
                        self.check_time(result, output)
                        strays.append((result, output, record[WINDOW], PANE_INFO_UNKNOWN))
                        continue
                    values.append(result)
                    times.append(output)
                    if not whole:
                        windows.append(record[WINDOW])
            except Exception as error:
                annotate(error, self._stage, {}, (0, f'{name} of the key {short(record[KEY])}'))
                raise
            if len(values) + len(strays) >= most:
                break
        return Made(Bundle(values, times, GLOBAL_WINDOW if whole else windows), strays)

    def check_time(self, output: Any, time: int) -> None:
        """Refuses an output with a timestamp of its own that is before that of the input at hand.

        Args:
          output: a tagged, timestamped or windowed output.
          time: the timestamp of the input, in microseconds.

        Raises:
          ExecutionError: names the transform and the key.
        """
        inner = output.value if isinstance(output, TaggedOutput) else output
        if isinstance(inner, TimestampedValue):
            micros = inner.micros
        elif isinstance(inner, WindowedValue):
            micros = inner.timestamp.micros
        else:
            return
        if micros < time:
            record = self.state.scope.record
            key = short(record[KEY]) if record is not None else 'a key'
            raise ExecutionError(
                f'{self.state.scope.label}: for the key {key}, the output {short(inner.value)} has the timestamp '
                f'{Timestamp(micros=micros)!r}, which is before {Timestamp(micros=time)!r}, that of the input. Time '
                f'must not go backwards: the watermark may be there already. For outputs of a timer, ask for an '
                f'earlier time when it is set: timer.set(..., output_timestamp=...)')


def not_keyed(element: Any, error: Exception) -> Exception:
    """What to raise where no record could be found for an element.

    Args:
      element: the element.
      error: what was raised.
    """
    try:
        key, _ = element
    except (TypeError, ValueError):
        return ExecutionError(f'state and timers belong to keys, so elements must be pairs (key, value); got '
                              f'{short(element)} ({type(element).__name__})')
    try:
        hash(key)
    except TypeError:
        return ExecutionError(f'the key {short(key)} ({type(key).__name__}) cannot be hashed: use a tuple in place of '
                              f'a list, a frozenset in place of a set or dict')
    return error


