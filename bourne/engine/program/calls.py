"""Calls of user functions in generated source: which expression stands for which argument."""

from __future__ import annotations

import inspect
from keyword import iskeyword
from typing import TYPE_CHECKING, Any

from bourne.engine.program.layout import Layout
from bourne.engine.program.source import Origin, Source
from bourne.errors import UnsupportedError
from bourne.sdk.graph.nodes import ParDo, SideArg
from bourne.sdk.model.dofn import DoFn, DoFnParam, overrides
from bourne.sdk.model.signature import ELEMENT, Call, plan_call
from bourne.sdk.model.window import GlobalWindows

if TYPE_CHECKING:
    from bourne.engine.program.generate import Row
    from bourne.engine.program.stateful import StatefulOperator

#: Parameters that need the element's window, so that an element in several windows is passed once for each.
_WINDOW_PARAMS = ('WindowParam', 'WindowedValueParam')
_UNSUPPORTED = {
    'RestrictionParam': 'splittable DoFns', 'WatermarkEstimatorParam': 'splittable DoFns',
    'WatermarkReporterParam': 'splittable DoFns',
}


class Calls:
    """The calls of one stage.

    Args:
      layout: the stage's layout.
      windowfns: the window function of each operator's side inputs, by operator number.
      stateful: the stateful operator, if the stage has one; its number is 0.
    """

    def __init__(self, layout: Layout, windowfns: dict[int, list[Any]],
                 stateful: StatefulOperator | None = None) -> None:
        self.layout = layout
        self.windowfns = windowfns
        self.stateful = stateful
        self.constants: dict[str, Any] = {}
        self._plans: dict[int, Call] = {}

    def constant(self, value: Any) -> str:
        """The name of a constant."""
        for name, known in self.constants.items():
            if known is value:
                return name
        name = f'c{len(self.constants)}'
        self.constants[name] = value
        return name

    def plan(self, number: int) -> Call:
        """How the operator's function is called."""
        if number not in self._plans:
            payload = self._payload(number)
            self._plans[number] = plan_call(_target(payload), payload.args, payload.kwargs, payload.star)
        return self._plans[number]

    def _payload(self, number: int) -> ParDo:
        payload = self.layout.ops[number].payload
        assert isinstance(payload, ParDo)
        return payload

    def looks_at_window(self, number: int) -> bool:
        """True if the call depends on the element's window."""
        call = self.plan(number)
        return (any(param.name in _WINDOW_PARAMS for param in call.params())
                or any(not isinstance(windowfn, GlobalWindows) for windowfn in self.windowfns.get(number, ())))

    def is_stateful(self, number: int) -> bool:
        """True if the operator is the stateful one."""
        return number == 0 and self.stateful is not None

    def yields(self, number: int) -> bool:
        """True if the function is a generator, whose outputs cannot be counted beforehand."""
        return inspect.isgeneratorfunction(inspect.unwrap(_target(self._payload(number))))

    def kind(self, number: int, before: Source, after: Source, name: str) -> str:
        """A variable with the type that the function returned last, for outputs in the variable ``name``."""
        before.add(f'k{name} = kinds[{number}]; {name} = None')
        after.add(f'kinds[{number}] = type({name}) if type({name}) not in SPECIAL else None')
        return f'k{name}'

    def call(self, number: int, row: Row, before: Source) -> str:
        """The call for an element.

        Args:
          number: the operator's number.
          row: the element.
          before: where lines go that are run once, before the loop.
        """
        call = self.plan(number)
        arguments = [self._argument(number, item, row, before) for item in call.positional]
        arguments += [_keyword(name, self._argument(number, item, row, before)) for name, item in call.keyword.items()]
        return f'f{number}({", ".join(arguments)})'

    def _argument(self, number: int, item: Any, row: Row, before: Source) -> str:
        if item is ELEMENT:
            return f'*{row.text}' if self._payload(number).star else row.text
        if isinstance(item, SideArg):
            return self._side(number, item.index, row, before)
        if isinstance(item, DoFnParam):
            return self._param(number, item, row, before)
        return self.constant(item)

    def _once(self, number: int, text: str, constant: bool, before: Source) -> str:
        """The expression, or a variable that has its value if it is the same for the whole bundle."""
        if not constant:
            return text
        name = f'b{len(before.lines)}'
        before.add(f'{name} = {text}', Origin(number, ''))
        return name

    def _side(self, number: int, index: int, row: Row, before: Source) -> str:
        whole = isinstance(self.windowfns[number][index], GlobalWindows)
        window = 'None' if whole else row.window
        return self._once(number, f'side{number}_{index}({window})', whole or row.window_kind == 'const', before)

    def _param(self, number: int, param: DoFnParam, row: Row, before: Source) -> str:
        window = self.layout.number(self.layout.ops[number].inputs[0])
        time = f'as_timestamp({row.time})'
        match param.name:
            case 'TimestampParam':
                return self._once(number, time, row.time_kind == 'const', before)
            case 'WindowParam':
                return self._once(number, f'as_window{window}({row.window})', row.window_kind == 'const', before)
            case 'PaneInfoParam':
                return row.pane
            case 'KeyParam':
                return f'{row.text}[0]'
            case 'StateParam' | 'TimerParam' if self.stateful is not None:
                return self.stateful.handle(param, row.record, row.time)
            case 'WindowedValueParam':
                return f'WindowedValue({row.text}, {time}, (as_window{window}({row.window}),), {row.pane})'
            case 'BundleFinalizerParam':
                return 'finalizer'
            case 'SetupContextParam' | 'BundleContextParam':
                return self._once(number, f'contexts[{self.constant(param)}]', True, before)
        raise UnsupportedError(f'{self.layout.ops[number].label}: DoFn.{param.name} is not supported yet')


def _keyword(name: str, value: str) -> str:
    """A keyword argument. Python takes any text as its name, but not in every notation."""
    plain = name.isidentifier() and not iskeyword(name)
    return f'{name}={value}' if plain else f'**{{{name!r}: {value}}}'


def _target(payload: ParDo) -> Any:
    return payload.fn.process if isinstance(payload.fn, DoFn) else payload.fn


def unsupported(payload: ParDo) -> list[str]:
    """What an operator asks for that the engine does not have yet."""
    call = plan_call(_target(payload), payload.args, payload.kwargs, payload.star)
    found = [f'DoFn.{param.name} ({_UNSUPPORTED[param.name]})' for param in call.params()
             if param.name in _UNSUPPORTED]
    if isinstance(payload.fn, DoFn):
        if hasattr(payload.fn, 'process_batch') and not overrides(payload.fn, 'process'):
            found.append('process_batch (batched DoFns)')
        marks = getattr(payload.fn.process, 'bourne_marks', ())
        found += [f'DoFn.{mark}' for mark in marks if mark in ('unbounded_per_element', 'yields_batches')]
    return found
