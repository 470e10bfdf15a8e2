"""``ParDo`` and its short forms ``Map``, ``FlatMap``, ``Filter``: a function for every element."""

from __future__ import annotations

import copy
import functools
from collections.abc import Callable, Iterable, Mapping
from typing import Any, ClassVar

from bourne.errors import TransformError
from bourne.sdk import typehints
from bourne.sdk.display import DisplayDataItem
from bourne.sdk.graph import nodes
from bourne.sdk.graph.nodes import MAIN, SideArg
from bourne.sdk.model.dofn import DoFn
from bourne.sdk.model.keys import is_key_type
from bourne.sdk.model.signature import plan_call
from bourne.sdk.model.stateful import check_stateful, is_stateful_dofn
from bourne.sdk.options import TypeOptions
from bourne.sdk.pcollection import DoOutputsTuple, PCollection
from bourne.sdk.ptransform import PTransform, label_from_callable, one_input
from bourne.sdk.transforms.sideinput import AsSideInput

#: The flags of functions defined with ``async def``: of coroutines and of asynchronous generators.
_ASYNC = 0x80 | 0x200


class ParDo(PTransform):
    """Calls a ``DoFn`` for every element.

    Args:
      fn: a ``DoFn``, or a callable that returns an iterable of outputs.
      args: further arguments of ``process``. A side input (``AsIter(pcoll)``, ...) is passed as what it stands for.
      kwargs: further keyword arguments, likewise.
    """

    style: ClassVar[str] = 'dofn'
    star: ClassVar[bool] = False

    def __init__(self, fn: Any, *args: Any, **kwargs: Any) -> None:
        super().__init__()
        label = kwargs.pop('label', None)
        if label is not None:
            self.label = label
        self._check_fn(fn)
        self.fn = fn
        self.args = args
        self.kwargs = kwargs
        self._tags: tuple[str, ...] = ()
        self._main: str | None = None
        self._multiple = False
        for item in (*args, *kwargs.values()):
            if isinstance(item, PCollection):
                raise TransformError(f'{self.default_label()}: the argument {item!r} is a PCollection; say how it '
                                     f'is to be looked at: AsIter(pcoll), AsList(pcoll), AsSingleton(pcoll), ...')

    def _check_fn(self, fn: Any) -> None:
        name = type(self).__name__
        if isinstance(fn, type) and issubclass(fn, DoFn):
            raise TransformError(f'{name} takes a DoFn instance, got the class {fn.__name__}: write {fn.__name__}()')
        if isinstance(fn, DoFn) and self.style != 'dofn':
            raise TransformError(f'{name} takes a function, got the DoFn {fn!r}; use ParDo')
        if getattr(getattr(fn, '__code__', None), 'co_flags', 0) & _ASYNC:
            raise TransformError(f'{name} takes a function, got the coroutine function {fn!r}, whose results would be '
                                 f'coroutines that nobody awaits; call asyncio.run in an ordinary function')
        if not callable(fn) and not isinstance(fn, DoFn):
            raise TransformError(f'{name} takes a function{" or DoFn" * (self.style == "dofn")}, got {fn!r}')

    def default_type_hints(self) -> Any:
        """What the function's annotations say."""
        return typehints.function_hints(self.fn, self.effective_style, self.star, bool(self.args or self.kwargs))

    @property
    def effective_style(self) -> str:
        """``dofn``, or how a plain callable given to ``ParDo`` is called."""
        return 'flat_map' if self.style == 'dofn' and not isinstance(self.fn, DoFn) else self.style

    def default_label(self) -> str:
        return f'{type(self).__name__}({label_from_callable(self.fn)})'

    def display_data(self) -> dict[str, Any]:
        """The function, and what it shows of itself."""
        name = type(self.fn) if isinstance(self.fn, DoFn) else label_from_callable(self.fn)
        inner = {'fn_dd': self.fn} if hasattr(self.fn, 'display_data') else {}
        return {'fn': DisplayDataItem(name, label='Transform Function'), **inner}

    def with_outputs(self, *tags: str, main: str | None = None, allow_unknown_tags: bool | None = None) -> ParDo:
        """The same transform with several outputs.

        Args:
          tags: the tags that the function gives to its additional outputs. Without any, an output is made for
            each tag that is asked for, and elements with other tags are dropped.
          main: by what name the main output is asked for; otherwise it is ``outputs[None]``.
          allow_unknown_tags: drop elements with tags that are not declared instead of failing; by default only
            if no tag is declared.

        Returns:
          A transform whose result is iterable in the order main (if named), tags, and has them as attributes.
        """
        if main is not None and main in tags:
            raise TransformError(f'{self.default_label()}: the main output and another one are both called {main!r}')
        for tag in tags:
            if not isinstance(tag, str) or not tag:
                raise TransformError(f'{self.default_label()}: output tags are non-empty strings, got {tag!r}')
        made = copy.copy(self)
        made._tags, made._main, made._multiple = tuple(dict.fromkeys(tags)), main, True
        made._open = not tags if allow_unknown_tags is None else allow_unknown_tags
        return made

    _open = True
    _guard: nodes.Guard | None = None

    def with_exception_handling(self, main_tag: str | None = None, dead_letter_tag: str = 'bad',
                                **options: Any) -> Any:
        """The same transform, with the elements that make the function fail as another output::

            good, bad = lines | Map(json.loads).with_exception_handling()

        Args:
          main_tag: by what name the other outputs are asked for; by default ``good``, or as ``with_outputs`` said.
          dead_letter_tag: by what name the failed elements are asked for.
          options: see :class:`bourne.sdk.transforms.deadletter.WithExceptionHandling`.
        """
        main = main_tag if main_tag is not None else self._main or 'good'
        return exception_handling(self, main_tag=main, dead_letter_tag=dead_letter_tag, **options)

    def with_error_handler(self, error_handler: Any, **options: Any) -> Any:
        """The same transform, with the elements that make the function fail left to an error handler.

        Args:
          error_handler: an :class:`bourne.sdk.transforms.error_handling.ErrorHandler`, or ``None`` to let failures
            end the run.
          options: those of :meth:`with_exception_handling`.
        """
        return self if error_handler is None else self.with_exception_handling(error_handler=error_handler, **options)

    def expand(self, pcoll: Any) -> Any:
        source = one_input(self, pcoll)
        self._check_state(source)
        args, kwargs, sides = _split_sides(self.args, self.kwargs)
        payload = self.payload(args, kwargs, tuple(side.side_view() for side in sides), source)
        outputs = source.pipeline.add(payload, [source], side_inputs=[side.pvalue for side in sides], tags=self._tags,
                                      element_type=typehints.output_type(self, source.element_type),
                                      display=self._shown())
        if not self._multiple:
            return outputs[MAIN]
        more = (lambda tag: source.pipeline.add_output(outputs[MAIN], tag)) if self._open else None
        named: dict[str | None, PCollection[Any]] = {tag or None: item for tag, item in outputs.items()}
        return DoOutputsTuple(source.pipeline, named, self._main, more)

    def payload(self, args: tuple[Any, ...], kwargs: Mapping[str, Any], views: tuple[nodes.SideView, ...],
                source: PCollection[Any]) -> nodes.ParDo:
        """What the graph says of this transform.

        Raises:
          TransformError: if the arguments do not fit the function.
        """
        target = self.fn.process if isinstance(self.fn, DoFn) else self.fn
        try:
            plan_call(target, args, kwargs, self.star)
        except TransformError as error:
            raise TransformError(f'{self.full_label()}: {error}') from None
        return nodes.ParDo(self.effective_style, self.fn, self.star, args, dict(kwargs), views, self._tags, self._open,
                           *self._runtime_checks(source), self._guard)

    def _check_state(self, source: PCollection[Any]) -> None:
        """Checks what the function says of state and timers, and that its input has keys and windows for them."""
        try:
            check_stateful(self.fn)
        except TransformError as error:
            raise TransformError(f'{self.full_label()}: {error}') from None
        if not is_stateful_dofn(self.fn):
            return
        windowfn = source.windowing.windowfn
        if windowfn.is_merging():
            raise TransformError(f'{self.full_label()} has state or timers, and its input has windows that merge '
                                 f'({windowfn!r}): a window that was remembered for would no longer be there. Apply '
                                 f'WindowInto with other windows before, or GroupByKey, which merges them, and '
                                 f'WindowInto(GlobalWindows())')
        key, _ = typehints.key_value_types(source.element_type, self.full_label(), 'The stateful ParDo')
        if is_key_type(key) is False:
            raise TransformError(f'{self.full_label()} has state or timers, which belong to keys, and '
                                 f'{typehints.describe(key)} cannot be a key: it has no deterministic encoding. Use a '
                                 f'str, an int or a tuple')

    def _runtime_checks(self, source: PCollection[Any]) -> tuple[Any, Any]:
        """What is called with every element, and with every main output, if types are to be checked then."""
        options = source.pipeline.options.view_as(TypeOptions)
        if not (options.runtime_type_check or options.performance_runtime_type_check):
            return None, None
        types = zip(typehints.runtime_types(self, source.element_type), ('element', 'output'), strict=True)
        taken, given = (None if hint is None else
                        functools.partial(typehints.require_value, self.full_label(), hint=hint, what=what)
                        for hint, what in types)
        return taken, given

    def _shown(self) -> dict[str, Any]:
        data = self.fn.display_data() if hasattr(self.fn, 'display_data') else {}
        return {key: value for key, value in data.items() if isinstance(value, (str, int, float, bool))}


class Map(ParDo):
    """One output for each element: what the function returns.

    Args:
      fn: takes the element and the arguments.
      args: further arguments, side inputs among them.
      kwargs: further keyword arguments, likewise.
    """

    style = 'map'


class FlatMap(ParDo):
    """Any number of outputs for each element: those of the iterable that the function returns (``None``: none).

    Args:
      fn: takes the element and the arguments; by default the elements are the iterables themselves.
      args: further arguments, side inputs among them.
      kwargs: further keyword arguments, likewise.
    """

    style = 'flat_map'

    def __init__(self, fn: Any = None, *args: Any, **kwargs: Any) -> None:
        super().__init__(_itself if fn is None else fn, *args, **kwargs)


class Filter(ParDo):
    """The elements for which the function returns something true.

    Args:
      fn: takes the element and the arguments.
      args: further arguments, side inputs among them.
      kwargs: further keyword arguments, likewise.
    """

    style = 'filter'


class MapTuple(Map):
    """``Map`` for elements that are tuples: their parts are passed as separate arguments."""

    star = True


class FlatMapTuple(FlatMap):
    """``FlatMap`` for elements that are tuples: their parts are passed as separate arguments."""

    star = True


def _itself(x: Any) -> Any:
    return x


def _split_sides(args: Iterable[Any], kwargs: Mapping[str, Any]) -> tuple[tuple[Any, ...], dict[str, Any],
                                                                          list[AsSideInput]]:
    """The arguments with a number in place of each side input, and the side inputs."""
    sides: list[AsSideInput] = []

    def place(item: Any) -> Any:
        if not isinstance(item, AsSideInput):
            return item
        sides.append(item)
        return SideArg(len(sides) - 1)

    return tuple(place(item) for item in args), {key: place(item) for key, item in kwargs.items()}, sides


def _not_loaded(transform: ParDo, **options: Any) -> Any:
    raise TransformError('bourne.sdk.transforms.deadletter is not loaded')


#: Set by ``deadletter``, which is made of transforms of this file.
exception_handling: Callable[..., Any] = _not_loaded
