"""Runs a windowing operator, or the naive model of it, step by step."""

from __future__ import annotations

import pickle
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from bourne.engine.bundle import from_rows
from bourne.engine.keyed import Keyed
from bourne.engine.panes import windowing_operator
from bourne.engine.plan.stage import OpPayload
from bourne.engine.windows import raw_windows
from bourne.sdk.graph.nodes import Combine, GroupByKey
from bourne.sdk.model.combinefn import CallableCombineFn
from bourne.sdk.model.keys import encode_key
from bourne.sdk.model.pane import PANE_INFO_UNKNOWN, PaneInfo
from bourne.sdk.model.timestamp import MIN_MICROS, Timestamp
from bourne.sdk.model.trigger import Windowing
from bourne.sdk.model.window import BoundedWindow, WindowFn
from tests.reference_panes import NaivePanes


class Row(NamedTuple):
    """An element: its time in microseconds, and the number of the input that it came by."""

    key: Any
    value: Any
    time: int
    port: int = 0


class Pane(NamedTuple):
    """A pane: its time in microseconds."""

    key: Any
    value: Any
    window: BoundedWindow
    time: int
    info: PaneInfo


def windows_of(windowing: Windowing, row: Row) -> list[BoundedWindow]:
    """The windows that are assigned to an element."""
    context = WindowFn.AssignContext(Timestamp(micros=row.time), (row.key, row.value))
    return list(windowing.windowfn.assign(context))


class OperatorRun:
    """Runs what the engine runs.

    Args:
      windowing: the windowing.
      payload: what is made of it.
      bundle_size: how many elements come together.
      pickled: everything that is held goes through pickle before each step, to a new operator.
    """

    def __init__(self, windowing: Windowing, payload: OpPayload | None = None, bundle_size: int | None = None,
                 pickled: bool = False) -> None:
        self.windowing = windowing
        self.payload = payload or GroupByKey()
        self.bundle_size = bundle_size
        self.pickled = pickled
        self.raw = raw_windows(windowing.windowfn)
        self.watermark, self.now = MIN_MICROS, 0
        self.promised = MIN_MICROS
        self.dropped_before = 0
        self.operator: Any = windowing_operator(self.payload, windowing)

    def add(self, rows: Iterable[Row]) -> list[Pane]:
        """Takes elements."""
        self._pickle()
        panes: list[Pane] = []
        waiting: list[Any] = []
        port = 0
        for row in rows:
            if waiting and (port != row.port or len(waiting) == self.bundle_size):
                panes += self._add(port, waiting)
                waiting = []
            port = row.port
            waiting += [((row.key, row.value), row.time, self.raw.encode(window), PANE_INFO_UNKNOWN)
                        for window in windows_of(self.windowing, row)]
        if waiting:
            panes += self._add(port, waiting)
        return panes

    def _add(self, port: int, rows: list[Any]) -> list[Pane]:
        bundle = from_rows(rows)
        for name in ('timestamps', 'windows'):
            column = getattr(bundle, name)
            if all(value == column[0] for value in column):
                setattr(bundle, name, column[0])
        return self._panes(self.operator.add(port, bundle, self.now))

    def advance(self, watermark: int | None = None, now: int | None = None) -> list[Pane]:
        """Lets time pass."""
        self._pickle()
        self.watermark = self.watermark if watermark is None else watermark
        self.now = self.now if now is None else now
        panes = self._panes(self.operator.advance(self.watermark, self.now))
        hold = self.operator.hold()
        self.promised = max(self.promised, min(self.watermark, self.watermark if hold is None else hold.micros))
        return panes

    def _panes(self, bundles: Iterable[Any]) -> list[Pane]:
        return [Pane(key, value, self.raw.decode(window), time, info)
                for bundle in bundles for (key, value), time, window, info in bundle.rows()]

    def _pickle(self) -> None:
        if self.pickled:
            saved = pickle.loads(pickle.dumps(list(self.operator.saved())))
            self.dropped_before += self.operator.dropped
            self.operator = windowing_operator(self.payload, self.windowing)
            self.operator.restore(saved, self.watermark)

    def waits(self) -> tuple[int | None, int | None]:
        """The earliest hold, and the earliest moment of processing time that is waited for."""
        hold = self.operator.hold()
        return None if hold is None else hold.micros, self.operator.due()

    @property
    def dropped(self) -> int:
        """How many elements were dropped."""
        return int(self.dropped_before + self.operator.dropped)

    @property
    def keyed(self) -> Keyed:
        """The operator as it is now."""
        operator: Keyed = self.operator
        return operator


class NaiveRun:
    """Runs the naive model. Arguments as for :class:`OperatorRun`."""

    def __init__(self, windowing: Windowing, payload: OpPayload | None = None) -> None:
        self.windowing = windowing
        self.payload = payload or GroupByKey()
        self.keys: dict[bytes, tuple[Any, NaivePanes]] = {}
        self.watermark, self.now = MIN_MICROS, 0

    def add(self, rows: Iterable[Row]) -> list[Pane]:
        """Takes elements."""
        panes: list[Pane] = []
        for row in rows:
            code = encode_key(row.key)
            if code not in self.keys:
                self.keys[code] = row.key, NaivePanes(self.windowing)
                self.keys[code][1].watermark = self.watermark
            key, model = self.keys[code]
            for window in windows_of(self.windowing, row):
                made = model.element((row.port, row.value), row.time, window, self.now)
                panes += [Pane(key, pane.values, pane.window, pane.time, pane.info) for pane in made]
        return self._results(panes)

    def advance(self, watermark: int | None = None, now: int | None = None) -> list[Pane]:
        """Lets time pass."""
        self.watermark = self.watermark if watermark is None else watermark
        self.now = self.now if now is None else now
        return self._results([
            Pane(key, pane.values, pane.window, pane.time, pane.info) for key, model in self.keys.values()
            for pane in model.advance(self.watermark, self.now)])

    def _results(self, panes: list[Pane]) -> list[Pane]:
        if isinstance(self.payload, Combine) and isinstance(self.payload.fn, CallableCombineFn):
            try:
                self.payload.fn.apply([])
            except ValueError:  # max, for one: then there is no empty pane
                panes = [pane for pane in panes if pane.value]
        return [pane._replace(value=self._result(pane.value)) for pane in panes]

    def _result(self, values: Sequence[tuple[int, Any]]) -> Any:
        match self.payload:
            case GroupByKey(tags=None):
                return [value for _, value in values]
            case GroupByKey(tags=tags, as_dict=as_dict):
                lists = [[value for port, value in values if port == number] for number in range(len(tags or ()))]
                return dict(zip(tags or (), lists)) if as_dict else tuple(lists)
            case Combine(fn=fn):
                return fn.apply([value for _, value in values])
        raise AssertionError(self.payload)

    def waits(self) -> tuple[int | None, int | None]:
        """The earliest hold, and the earliest moment of processing time that is waited for."""
        models = [model for _, model in self.keys.values()]
        holds = [hold for model in models if (hold := model.hold()) is not None]
        moments = [moment for model in models if (moment := model.due()) is not None]
        return min(holds, default=None), min(moments, default=None)

    @property
    def dropped(self) -> int:
        """How many elements were dropped."""
        return sum(model.dropped for _, model in self.keys.values())


def in_order(panes: Iterable[Pane]) -> list[Any]:
    """The panes in an order that does not depend on how they were found, with lists of values sorted."""
    return sorted((repr(encode_key(key)), repr(window), info.index, repr(_sorted(value)), time, repr(info))
                  for key, value, window, time, info in panes)


def _sorted(value: Any) -> Any:
    match value:
        case list():
            return sorted(value, key=repr)
        case tuple():
            return tuple(map(_sorted, value))
        case dict():
            return {name: _sorted(values) for name, values in value.items()}
    return value
