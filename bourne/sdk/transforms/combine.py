"""``CombinePerKey``, ``CombineGlobally`` and ``CombineValues``: reductions that may be done in parts."""

from __future__ import annotations

import copy
import random
from collections.abc import Callable, Iterable
from typing import Any

from bourne.errors import TransformError
from bourne.sdk import typehints
from bourne.sdk.display import DisplayDataItem
from bourne.sdk.graph import nodes
from bourne.sdk.graph.nodes import MAIN
from bourne.sdk.model.combinefn import CallableCombineFn, CombineFn
from bourne.sdk.model.dofn import DoFn
from bourne.sdk.model.known import Known, unpack_pair
from bourne.sdk.model.trigger import DefaultTrigger
from bourne.sdk.model.window import GlobalWindows
from bourne.sdk.pcollection import PCollection
from bourne.sdk.ptransform import PTransform, label_from_callable, one_input
from bourne.sdk.transforms.create import Impulse
from bourne.sdk.transforms.group import GroupByKey, check_groupable
from bourne.sdk.transforms.pardo import Map, ParDo
from bourne.sdk.transforms.sideinput import AsIter, AsSingleton
from bourne.sdk.transforms.window import regrouped


class _Combining(PTransform):
    """What the combining transforms share: the function and its arguments."""

    def __init__(self, fn: Any, *args: Any, **kwargs: Any) -> None:
        super().__init__()
        self.given = fn
        self.fn = CombineFn.maybe_from_callable(fn)
        self.args = args
        self.kwargs = kwargs

    def default_label(self) -> str:
        return f'{type(self).__name__}({label_from_callable(self.given)})'

    def display_data(self) -> dict[str, Any]:
        """The function, and what it shows of itself."""
        name = type(self.given) if isinstance(self.given, CombineFn) else label_from_callable(self.given)
        return {'combine_fn': DisplayDataItem(name, label='Combine Function'), 'combine_fn_dd': self.fn}


class CombinePerKey(_Combining):
    """From pairs ``(key, value)`` to one pair of each key and the combination of its values, per window.

    Values are combined where they are before anything moves, and once more where their key belongs.

    Args:
      fn: a ``CombineFn``, or a function of an iterable that reduces its own results rightly (``sum``, ``max``).
      args: further arguments for the function's methods, side inputs among them. With arguments nothing is
        combined beforehand.
      kwargs: further keyword arguments, likewise.
    """

    def with_hot_key_fanout(self, fanout: int | Callable[[Any], int]) -> CombinePerKey:
        """The same, with the values of a key combined in several places first.

        Args:
          fanout: in how many places, or a function from a key to that number; less than 2 is no fanout.
        """
        if not callable(fanout) and (isinstance(fanout, bool) or not isinstance(fanout, int)):
            raise TransformError(f'with_hot_key_fanout takes an int or a function of the key, got {fanout!r}')
        if self.args or self.kwargs:
            raise TransformError(f'{self.full_label()}: hot-key fanout does not go with arguments of the CombineFn')
        return _FanoutCombinePerKey(self, fanout)

    def expand(self, pcoll: Any) -> PCollection[Any]:
        source = one_input(self, pcoll)
        check_groupable(self, source)
        key, value = typehints.key_value_types(source.element_type, self.full_label())
        result = typehints.combined_type(self.fn, value)
        if self.args or self.kwargs:
            made = source | GroupByKey() | CombineValues(self.fn, *self.args, **self.kwargs)
            assert isinstance(made, PCollection)
            return made
        return source.pipeline.add(nodes.Combine(self.fn), [source], windowing=regrouped(source.windowing),
                                   element_type=typehints.KV[key, result], display=self.fn.display_data())[MAIN]


class _Spread(DoFn):
    """Adds a number below the fanout to the key."""

    def __init__(self, fanout: int | Callable[[Any], int]) -> None:
        self.fanout = fanout

    def process(self, element: Any, *args: Any, **kwargs: Any) -> Iterable[Any]:
        key, value = unpack_pair(element)
        width = self.fanout(key) if callable(self.fanout) else self.fanout
        yield (key, random.randrange(width) if width > 1 else 0), value


class _PartFn(CombineFn):
    """A ``CombineFn`` up to the accumulator."""

    def __init__(self, fn: CombineFn) -> None:
        self.fn = fn
        self.setup = fn.setup  # type: ignore[method-assign]
        self.create_accumulator = fn.create_accumulator  # type: ignore[method-assign]
        self.add_input = fn.add_input  # type: ignore[method-assign]
        self.add_inputs = fn.add_inputs  # type: ignore[method-assign]
        self.merge_accumulators = fn.merge_accumulators  # type: ignore[method-assign]
        self.teardown = fn.teardown  # type: ignore[method-assign]

    def extract_output(self, accumulator: Any, *args: Any, **kwargs: Any) -> Any:
        return self.fn.compact(accumulator)


class _WholeFn(CombineFn):
    """A ``CombineFn`` from accumulators on."""

    def __init__(self, fn: CombineFn) -> None:
        self.fn = fn
        self.setup = fn.setup  # type: ignore[method-assign]
        self.create_accumulator = fn.create_accumulator  # type: ignore[method-assign]
        self.merge_accumulators = fn.merge_accumulators  # type: ignore[method-assign]
        self.compact = fn.compact  # type: ignore[method-assign]
        self.extract_output = fn.extract_output  # type: ignore[method-assign]
        self.teardown = fn.teardown  # type: ignore[method-assign]

    def add_input(self, mutable_accumulator: Any, element: Any, *args: Any, **kwargs: Any) -> Any:
        return self.fn.merge_accumulators([mutable_accumulator, element])


def _in_two_steps(fn: CombineFn) -> tuple[CombineFn, CombineFn]:
    """The function to combine with per key and place, and the one that combines the results of all places."""
    if type(fn) is CallableCombineFn:  # it takes its own results
        return fn, fn
    return _PartFn(fn), _WholeFn(fn)


def _unspread(element: Any) -> Any:
    (key, _), accumulator = element
    return key, accumulator


class _FanoutCombinePerKey(CombinePerKey):
    """Combines per key and place, and then per key."""

    def __init__(self, inner: CombinePerKey, fanout: int | Callable[[Any], int], default: bool = False) -> None:
        super().__init__(inner.given)
        self.label = inner.label
        self.fanout = fanout
        self.default = default

    def default_label(self) -> str:
        return f'CombinePerKey({label_from_callable(self.given)})'

    def expand(self, pcoll: Any) -> PCollection[Any]:
        source = one_input(self, pcoll)
        key, value = typehints.key_value_types(source.element_type, self.full_label())
        of_parts, of_whole = _in_two_steps(self.fn)
        made = (source
                | 'Spread' >> ParDo(_Spread(self.fanout))
                | 'Parts' >> CombinePerKey(of_parts)
                | 'Unspread' >> Map(_unspread)
                | 'Whole' >> (_CombineWithDefault if self.default else CombinePerKey)(of_whole))
        made.pipeline.set_type(made, typehints.KV[key, typehints.combined_type(self.fn, value)])
        assert isinstance(made, PCollection)
        return made


class CombineGlobally(_Combining):
    """The combination of all elements, per window.

    In the global window an empty input gives the combination of no elements; in other windows it gives nothing,
    and that must be said: ``CombineGlobally(fn).without_defaults()``.

    Args:
      fn: a ``CombineFn``, or a function of an iterable that reduces its own results rightly (``sum``, ``max``).
      args: further arguments for the function's methods, side inputs among them.
      kwargs: further keyword arguments, likewise.
    """

    _defaults = True
    _as_view = False
    _fanout: int | None = None

    def with_defaults(self, has_defaults: bool = True) -> CombineGlobally:
        """The same, with or without a result for an empty input."""
        made = copy.copy(self)
        made._defaults = has_defaults
        return made

    def without_defaults(self) -> CombineGlobally:
        """The same, with no result for an empty input."""
        return self.with_defaults(False)

    def as_singleton_view(self) -> CombineGlobally:
        """The same as a side input: ``Map(fn, pcoll | CombineGlobally(sum).as_singleton_view())``."""
        made = copy.copy(self)
        made._as_view = True
        return made

    def with_fanout(self, fanout: int | None) -> CombineGlobally:
        """The same, with elements combined in ``fanout`` places first."""
        made = copy.copy(self)
        made._fanout = fanout
        return made

    def expand(self, pcoll: Any) -> Any:
        source = one_input(self, pcoll)
        windowing = source.windowing
        whole = isinstance(windowing.windowfn, GlobalWindows) and isinstance(windowing.trigger, DefaultTrigger)
        if self._defaults and not self._as_view and not whole:
            raise TransformError(
                f'{self.full_label()}: a result for an empty input exists only in the global window with the default '
                f'trigger, and this input has {windowing.windowfn!r}. Use CombineGlobally(...).without_defaults(), or '
                f'.as_singleton_view() for a side input')
        combined = self._combined(source, default=self._defaults and not self._as_view and not self._has_args())
        if self._as_view:
            return AsSingleton(combined, self.fn.apply([], *self.args, **self.kwargs)) if self._defaults else \
                AsSingleton(combined)
        if self._defaults and self._has_args():
            return _with_default(combined, self)
        return combined

    def _has_args(self) -> bool:
        return bool(self.args or self.kwargs)

    def _combined(self, source: PCollection[Any], default: bool) -> PCollection[Any]:
        per_key: PTransform = CombinePerKey(self.fn, *self.args, **self.kwargs)
        if self._fanout:
            per_key = _FanoutCombinePerKey(CombinePerKey(self.fn), self._fanout, default)
        elif default:
            per_key = _CombineWithDefault(self.fn)
        result = typehints.combined_type(self.fn, source.element_type)
        made = (source
                | 'AddKey' >> Map(Known('keyed_by')).with_output_types(typehints.KV[None, source.element_type])
                | 'Combine' >> per_key
                | 'Result' >> Map(Known('value')).with_output_types(result))
        assert isinstance(made, PCollection)
        return made


class _CombineWithDefault(CombinePerKey):
    """Combines per key, and gives a result for the key ``None`` where there is no element."""

    def expand(self, pcoll: Any) -> PCollection[Any]:
        source = one_input(self, pcoll)
        check_groupable(self, source)
        made = source.pipeline.add(nodes.Combine(self.fn, default=True), [source],
                                   windowing=regrouped(source.windowing), display=self.fn.display_data())
        assert isinstance(made[MAIN], PCollection)
        return made[MAIN]


class _DefaultIfEmpty(DoFn):
    """Emits the combination of no elements if the side input is empty."""

    def __init__(self, fn: CombineFn) -> None:
        self.fn = fn

    def process(self, element: Any, combined: Any, *args: Any, **kwargs: Any) -> Iterable[Any]:
        results = list(combined)
        return results or [self.fn.apply([], *args, **kwargs)]


def _with_default(combined: PCollection[Any], transform: CombineGlobally) -> PCollection[Any]:
    from_empty = ParDo(_DefaultIfEmpty(transform.fn), AsIter(combined), *transform.args, **transform.kwargs)
    made = combined.pipeline | 'Once' >> Impulse() | 'Default' >> from_empty
    made.pipeline.set_type(made, combined.element_type)
    assert isinstance(made, PCollection)
    return made


class _CombineValuesDoFn(DoFn):
    """Combines the values of a pair whose value is an iterable."""

    def __init__(self, fn: CombineFn) -> None:
        self.fn = fn

    def setup(self) -> None:
        self.fn.setup()

    def process(self, element: Any, *args: Any, **kwargs: Any) -> Iterable[Any]:
        key, values = unpack_pair(element)
        yield key, self.fn.apply(values, *args, **kwargs)

    def teardown(self) -> None:
        self.fn.teardown()

    def default_label(self) -> str:
        return self.fn.default_label()


class CombineValues(_Combining):
    """From pairs ``(key, iterable of values)`` to pairs ``(key, combination of the values)``.

    Args:
      fn: a ``CombineFn`` or a function of an iterable.
      args: further arguments for the function's methods, side inputs among them.
      kwargs: further keyword arguments, likewise.
    """

    def expand(self, pcoll: Any) -> PCollection[Any]:
        source = one_input(self, pcoll)
        made = source | 'Combine' >> ParDo(_CombineValuesDoFn(self.fn), *self.args, **self.kwargs)
        pair = typehints.key_value_types(source.element_type, self.full_label())
        made.pipeline.set_type(made, typehints.KV[
            pair[0], typehints.combined_type(self.fn, typehints.element_of(pair[1]))])
        assert isinstance(made, PCollection)
        return made
