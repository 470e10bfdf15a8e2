"""Side inputs of a stream: an element waits until the side window that belongs to its window can be looked at.

With ``S(w)`` the side window of a main window ``w`` (``engine/sideinputs.py``), an element in ``w`` passes

    once a pane of S(w) has fired, or the side input's watermark has passed the end of S(w), which then is empty

and sees the values of the latest pane. What waits holds the output watermark at its timestamp. A side window is
forgotten when the main watermark has passed its end and the main input's allowed lateness (Akidau et al., "The Dataflow
Model", VLDB 2015, leaves it open; this is what Apache Beam's documentation says of side inputs).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from bourne.engine.bundle import Bundle, from_rows
from bourne.engine.keyed import Hold
from bourne.engine.plan.stage import Plan, Stage
from bourne.engine.sideinputs import as_pairs, make_view, panes_of, take_panes, window_mapping
from bourne.engine.stream.status import Wait
from bourne.engine.windows import raw_windows
from bourne.sdk.graph.nodes import ParDo, SideView
from bourne.sdk.model.timestamp import MIN_MICROS
from bourne.sdk.model.trigger import Windowing
from bourne.sdk.model.window import WindowFn

Row = tuple[Any, int, Any, Any]
Sides = Mapping[str, tuple[Iterable[Bundle], int]]


class _Side:
    """A side input: what its windows hold.

    Args:
      names: the collections whose union it is.
      windowing: its windowing.
      main: the window function of the main input.
      lateness: how long, in microseconds, elements of the main input may come after their window.
    """

    def __init__(self, names: tuple[str, ...], windowing: Windowing, main: WindowFn, lateness: int) -> None:
        self.names = names
        self.window_of = window_mapping(windowing.windowfn, main)
        self.values: dict[Any, list[Any]] = {}
        self._panes = panes_of(windowing)
        self._end = raw_windows(windowing.windowfn).end
        self._lateness = lateness
        self._watermark = MIN_MICROS
        self.views: list[dict[Any, Any]] = []

    def add(self, sides: Sides, now: int) -> bool:
        """Takes what came, and says whether there is anything new."""
        fired: list[Bundle] = []
        for name in self.names:
            for bundle in sides[name][0]:
                fired += self._panes.add(0, as_pairs(bundle), now)
        watermark = min((sides[name][1] for name in self.names), default=self._watermark)
        moved = watermark > self._watermark
        due = self._panes.due()
        if moved or (due is not None and due <= now):
            self._watermark = max(self._watermark, watermark)
            fired += self._panes.advance(self._watermark, now)
        for window in take_panes(fired, self.values):
            for views in self.views:
                views.pop(window, None)
        return moved or bool(fired)

    def is_ready(self, window: Any) -> bool:
        """True if elements in this window of the main input may pass."""
        side = self.window_of(window)
        return side is None or side in self.values or self._watermark > self._end(side)

    def forget(self, watermark: int) -> None:
        """Forgets the windows that no element of the main input can belong to any more."""
        for window in [one for one in self.values if watermark > self._end(one) + self._lateness]:
            del self.values[window]
            for views in self.views:
                views.pop(window, None)

    def due(self) -> int | None:
        """See :meth:`bourne.engine.keyed.Keyed.due`."""
        return self._panes.due()

    def look_up(self, view: SideView) -> Callable[[Any], Any]:
        """A function from a raw window of the main input to the argument."""
        made: dict[Any, Any] = {}
        self.views.append(made)
        what = repr(', '.join(self.names))

        def find(window: Any) -> Any:
            side = self.window_of(window)
            if side not in made:
                made[side] = make_view(view, self.values.get(side, []), what)
            return made[side]

        return find


class Gate:
    """Stands in front of a stage with side inputs.

    Args:
      plan: the plan.
      stage: the stage.

    Attributes:
      views: for operator and side input number, how a side input is looked up.
    """

    def __init__(self, plan: Plan, stage: Stage) -> None:
        self.views: dict[tuple[int, int], Callable[[Any], Any]] = {}
        self._sides: list[_Side] = []
        self._ops: list[int] = []
        self._waiting: dict[Any, list[tuple[str, Row]]] = {}
        self._earliest: dict[Any, int] = {}
        self._watermark = MIN_MICROS
        for number, op in enumerate(stage.ops):
            if not isinstance(op.payload, ParDo):
                continue
            main = plan.collections[op.inputs[0]].windowing
            for index, (names, view) in enumerate(zip(op.side_inputs, op.payload.side_views, strict=True)):
                side = _Side(names, plan.collections[names[0]].windowing, main.windowfn, main.allowed_lateness.micros)
                self._sides.append(side)
                self._ops.append(number)
                self.views[number, index] = side.look_up(view)

    def pass_on(self, inputs: Mapping[str, Iterable[Bundle]], watermark: int, now: int,
                sides: Sides) -> dict[str, list[Bundle]]:
        """Takes in what came for the stage; returns what may pass."""
        past = min(self._watermark, *self._earliest.values()) if self._earliest else self._watermark
        for side in self._sides:
            side.forget(past)
        self._watermark = watermark
        news = [side.add(sides, now) for side in self._sides]
        passing: dict[str, list[Bundle]] = {name: [] for name in inputs}
        if any(news) and self._waiting:
            self._release(passing)
        for name, bundles in inputs.items():
            for bundle in bundles:
                passing[name] += self._admit(name, bundle)
        return passing

    def _is_ready(self, window: Any) -> bool:
        return all(side.is_ready(window) for side in self._sides)

    def _release(self, passing: dict[str, list[Bundle]]) -> None:
        for window in [one for one in self._waiting if self._is_ready(one)]:
            rows: dict[str, list[Row]] = {}
            del self._earliest[window]
            for name, row in self._waiting.pop(window):
                rows.setdefault(name, []).append(row)
            for name, found in rows.items():
                passing.setdefault(name, []).append(from_rows(found))

    def _admit(self, name: str, bundle: Bundle) -> Iterable[Bundle]:
        windows = set(bundle.windows) if type(bundle.windows) is list else {bundle.windows}
        blocked = {window for window in windows if window in self._waiting or not self._is_ready(window)}
        if not blocked:
            return [bundle]
        free = []
        for row in bundle.rows():
            if row[2] in blocked:
                self._waiting.setdefault(row[2], []).append((name, row))
                self._earliest[row[2]] = min(row[1], self._earliest.get(row[2], row[1]))
            else:
                free.append(row)
        return [from_rows(free)] if free else []

    def hold(self) -> Hold | None:
        """The earliest element that waits."""
        found = (Hold(micros, window, None) for window, micros in self._earliest.items())
        return min(found, default=None, key=lambda hold: hold.micros)

    def wait(self) -> Wait | None:
        """What waits, and for which side inputs the earliest of it does."""
        hold = self.hold()
        if hold is None:
            return None
        missing = [(op, side) for op, side in zip(self._ops, self._sides, strict=True)
                   if not side.is_ready(hold.window)]
        awaited = [name for _, side in missing for name in side.names]
        return Wait(hold, sum(map(len, self._waiting.values())), awaited, missing[0][0] if missing else self._ops[0])

    def due(self) -> int | None:
        """See :meth:`bourne.engine.keyed.Keyed.due`."""
        return min((due for side in self._sides if (due := side.due()) is not None), default=None)
