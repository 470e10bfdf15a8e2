"""The interpreter of triggers: when a pane of a key and window fires.

A trigger is data (:mod:`bourne.sdk.model.trigger`). :class:`TriggerMachine` runs one for many keys and windows; what it
has to remember of each is a short list, its *cells*. A trigger is looked at once for each event: an element,
the passing of the window's end by the watermark, a moment of processing time that it waits for. Let ``closed`` say that
the watermark has passed the window's end, and ``new`` that there is something that no pane has held yet.

=========================  ==========================================  ===============================================
trigger                    is ready to fire if                         and has finished when
=========================  ==========================================  ===============================================
``DefaultTrigger``         closed                                      never
``Always``                 new                                         never
``Never``                  never                                       never
``AfterCount(n)``          n elements came                             it has fired
``AfterProcessingTime(d)`` d has passed since the first element        it has fired
``AfterWatermark(e, l)``   ``e`` is, or closed; and afterwards ``l``   it has fired when closed, unless there is ``l``
``Repeatedly(t)``          ``t`` is; starts anew when ``t`` finished   never
``AfterAny(t, ...)``       any ``t`` is                                any ``t`` has
``AfterAll(t, ...)``       every ``t`` is, or has finished             every ``t`` has
``AfterEach(t, u, ...)``   ``t`` is; when that has finished, ``u``     the last one has
``OrFinally(t, u)``        ``t`` is, or ``u``                          ``t`` has, or ``u`` has fired
=========================  ==========================================  ===============================================

``e`` and ``l`` start anew whenever they have finished. Processing time is noticed when the engine lets time pass
(:meth:`TriggerMachine.tick`), not between two elements of a bundle.

When windows merge, counts add up, the earliest moment counts, what has finished in one window has finished, and the
watermark's part starts anew if the end of the merged window is still to come.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from bourne.sdk.model.timestamp import MIN_MICROS
from bourne.sdk.model.trigger import (
    AfterAll,
    AfterAny,
    AfterCount,
    AfterEach,
    AfterProcessingTime,
    AfterWatermark,
    Always,
    DefaultTrigger,
    Never,
    OrFinally,
    Repeatedly,
    TriggerFn,
)

#: What a trigger remembers of a key and window: numbers, flags and ``None``.
Cells = list[Any]
#: The cells of a key and window, and whether the trigger has finished there.
Part = tuple[Cells, bool]
#: In the place of a moment: it has been reached.
_REACHED = MIN_MICROS


class TriggerMachine:
    """Runs a trigger.

    Args:
      trigger: the trigger.

    Attributes:
      timed: it may wait for processing time.
      at_end: the passing of the window's end matters to it.
      quiet: nothing that happens before the window's end matters to it.
    """

    def __init__(self, trigger: TriggerFn) -> None:
        self._initial: Cells = []
        self._root = _node(trigger, self._initial)
        kinds = {type(part) for part in _parts(trigger)}
        self.timed = AfterProcessingTime in kinds
        self.at_end = bool(kinds & {AfterWatermark, DefaultTrigger})
        self.quiet = isinstance(trigger, (DefaultTrigger, Never)) or (
            isinstance(trigger, AfterWatermark) and trigger.early is None)
        #: Notes an element: ``element(cells, now)``, with processing time in microseconds.
        self.element = self._root.element
        #: Whether to fire: ``ready(cells, closed, new)``.
        self.ready = self._root.ready
        #: Notes that it fired, after ``ready``: ``fire(cells, closed, new)`` is true if the trigger has finished.
        self.fire = self._root.fire
        #: Notes that processing time has come this far: ``tick(cells, now)``.
        self.tick = self._root.tick
        #: The earliest processing time that is waited for, or ``None``: ``due(cells)``.
        self.due = self._root.due

    def start(self) -> Cells:
        """The cells of a new key and window."""
        return self._initial.copy()

    def merge(self, parts: list[Part], closed: bool) -> Part:
        """The cells of a window that others were merged into.

        Args:
          parts: those of the others.
          closed: whether the watermark has passed the end of the merged window.
        """
        cells = self.start()
        finished = self._root.merge(parts, cells, closed)
        return cells, finished


class _Node:
    """A trigger, or a part of one, with the place of its cells. What it does without any is here."""

    def element(self, cells: Cells, now: int) -> None:
        """Notes an element."""

    def ready(self, cells: Cells, closed: bool, new: bool) -> bool:
        """Whether to fire."""
        raise NotImplementedError

    def fire(self, cells: Cells, closed: bool, new: bool) -> bool:
        """Notes a firing; true if it has finished thereby."""
        return False

    def reset(self, cells: Cells) -> None:
        """Starts anew."""

    def tick(self, cells: Cells, now: int) -> None:
        """Notes the processing time."""

    def due(self, cells: Cells) -> int | None:
        """The earliest moment that is waited for."""
        return None

    def merge(self, parts: list[Part], into: Cells, closed: bool) -> bool:
        """Fills in the cells of a merged window, which are new; true if it has finished there."""
        return False


class _Default(_Node):
    def ready(self, cells: Cells, closed: bool, new: bool) -> bool:
        return closed


class _Always(_Node):
    def ready(self, cells: Cells, closed: bool, new: bool) -> bool:
        return new


class _Never(_Node):
    def ready(self, cells: Cells, closed: bool, new: bool) -> bool:
        return False


class _Count(_Node):
    """One cell: how many elements came."""

    def __init__(self, count: int, initial: Cells) -> None:
        self.count = count
        self.cell = _cell(initial, 0)

    def element(self, cells: Cells, now: int) -> None:
        cells[self.cell] += 1

    def ready(self, cells: Cells, closed: bool, new: bool) -> bool:
        return bool(cells[self.cell] >= self.count)

    def fire(self, cells: Cells, closed: bool, new: bool) -> bool:
        return True

    def reset(self, cells: Cells) -> None:
        cells[self.cell] = 0

    def merge(self, parts: list[Part], into: Cells, closed: bool) -> bool:
        into[self.cell] = sum(cells[self.cell] for cells, _ in parts)
        return any(finished for _, finished in parts)


class _Delay(_Node):
    """One cell: the moment waited for, ``None`` before the first element."""

    def __init__(self, delay: int, initial: Cells) -> None:
        self.delay = delay
        self.cell = _cell(initial, None)

    def element(self, cells: Cells, now: int) -> None:
        if cells[self.cell] is None:
            cells[self.cell] = now + self.delay

    def ready(self, cells: Cells, closed: bool, new: bool) -> bool:
        return bool(cells[self.cell] == _REACHED)

    def fire(self, cells: Cells, closed: bool, new: bool) -> bool:
        return True

    def reset(self, cells: Cells) -> None:
        cells[self.cell] = None

    def tick(self, cells: Cells, now: int) -> None:
        moment = cells[self.cell]
        if moment is not None and moment <= now:
            cells[self.cell] = _REACHED

    def due(self, cells: Cells) -> int | None:
        moment: int | None = cells[self.cell]
        return None if moment == _REACHED else moment

    def merge(self, parts: list[Part], into: Cells, closed: bool) -> bool:
        into[self.cell] = min((cells[self.cell] for cells, _ in parts if cells[self.cell] is not None), default=None)
        return any(finished for _, finished in parts)


class _Repeat(_Node):
    def __init__(self, part: _Node) -> None:
        self.part = part
        self.element = part.element  # type: ignore[method-assign]
        self.ready = part.ready  # type: ignore[method-assign]
        self.reset = part.reset  # type: ignore[method-assign]
        self.tick = part.tick  # type: ignore[method-assign]
        self.due = part.due  # type: ignore[method-assign]

    def fire(self, cells: Cells, closed: bool, new: bool) -> bool:
        if self.part.fire(cells, closed, new):
            self.part.reset(cells)
        return False

    def merge(self, parts: list[Part], into: Cells, closed: bool) -> bool:
        if self.part.merge(parts, into, closed):
            self.part.reset(into)
        return False


class _Watermark(_Node):
    """One cell: whether it has fired at the window's end."""

    def __init__(self, early: _Node | None, late: _Node | None, initial: Cells) -> None:
        self.early = _Repeat(early) if early else _Never()
        self.late = _Repeat(late) if late else _Never()
        self.finishes = late is None
        self.cell = _cell(initial, False)

    def element(self, cells: Cells, now: int) -> None:
        (self.late if cells[self.cell] else self.early).element(cells, now)

    def ready(self, cells: Cells, closed: bool, new: bool) -> bool:
        if cells[self.cell]:
            return self.late.ready(cells, closed, new)
        return closed or self.early.ready(cells, closed, new)

    def fire(self, cells: Cells, closed: bool, new: bool) -> bool:
        if cells[self.cell]:
            return self.late.fire(cells, closed, new)
        if not closed:
            return self.early.fire(cells, closed, new)
        cells[self.cell] = True
        return self.finishes

    def reset(self, cells: Cells) -> None:
        cells[self.cell] = False
        self.early.reset(cells)
        self.late.reset(cells)

    def tick(self, cells: Cells, now: int) -> None:
        (self.late if cells[self.cell] else self.early).tick(cells, now)

    def due(self, cells: Cells) -> int | None:
        return (self.late if cells[self.cell] else self.early).due(cells)

    def merge(self, parts: list[Part], into: Cells, closed: bool) -> bool:
        after = into[self.cell] = closed and all(cells[self.cell] for cells, _ in parts)
        (self.late if after else self.early).merge(
            [(cells, False) for cells, _ in parts if cells[self.cell] == after], into, closed)
        return after and self.finishes


class _Parallel(_Node):
    """One cell for each part: whether it has finished.

    Args:
      parts: the parts.
      combine: ``any`` or ``all`` of them must be ready, and finish.
    """

    def __init__(self, parts: list[_Node], combine: Callable[[Iterable[Any]], bool], initial: Cells) -> None:
        self.combine = combine
        self.parts = [(part, _cell(initial, False)) for part in parts]

    def element(self, cells: Cells, now: int) -> None:
        for part, done in self.parts:
            if not cells[done]:
                part.element(cells, now)

    def ready(self, cells: Cells, closed: bool, new: bool) -> bool:
        return self.combine([cells[done] or part.ready(cells, closed, new) for part, done in self.parts])

    def fire(self, cells: Cells, closed: bool, new: bool) -> bool:
        for part, done in self.parts:
            if not cells[done] and part.ready(cells, closed, new):
                cells[done] = part.fire(cells, closed, new)
        return self._finished(cells)

    def reset(self, cells: Cells) -> None:
        for part, done in self.parts:
            cells[done] = False
            part.reset(cells)

    def tick(self, cells: Cells, now: int) -> None:
        for part, _ in self.parts:
            part.tick(cells, now)

    def due(self, cells: Cells) -> int | None:
        found = [moment for part, done in self.parts if not cells[done] and (moment := part.due(cells)) is not None]
        return min(found, default=None)

    def merge(self, parts: list[Part], into: Cells, closed: bool) -> bool:
        for part, done in self.parts:
            into[done] = part.merge([(cells, cells[done]) for cells, _ in parts], into, closed)
        return self._finished(into)

    def _finished(self, cells: Cells) -> bool:
        return self.combine([cells[done] for _, done in self.parts])


class _Each(_Node):
    """One cell: the number of the part whose turn it is."""

    def __init__(self, parts: list[_Node], initial: Cells) -> None:
        self.parts = parts
        self.cell = _cell(initial, 0)

    def element(self, cells: Cells, now: int) -> None:
        self.parts[cells[self.cell]].element(cells, now)

    def ready(self, cells: Cells, closed: bool, new: bool) -> bool:
        return self.parts[cells[self.cell]].ready(cells, closed, new)

    def fire(self, cells: Cells, closed: bool, new: bool) -> bool:
        if not self.parts[cells[self.cell]].fire(cells, closed, new):
            return False
        if cells[self.cell] == len(self.parts) - 1:
            return True
        cells[self.cell] += 1
        return False

    def reset(self, cells: Cells) -> None:
        cells[self.cell] = 0
        for part in self.parts:
            part.reset(cells)

    def tick(self, cells: Cells, now: int) -> None:
        self.parts[cells[self.cell]].tick(cells, now)

    def due(self, cells: Cells) -> int | None:
        return self.parts[cells[self.cell]].due(cells)

    def merge(self, parts: list[Part], into: Cells, closed: bool) -> bool:
        # The first part that has not finished, as the merged window sees it.
        for number, part in enumerate(self.parts):
            into[self.cell] = number
            seen = [(cells, finished or cells[self.cell] > number) for cells, finished in parts]
            if not part.merge(seen, into, closed):
                return False
        return True


def _cell(initial: Cells, value: Any) -> int:
    """The place of a new cell."""
    initial.append(value)
    return len(initial) - 1


def _node(trigger: TriggerFn, initial: Cells) -> _Node:
    """What runs a trigger; its cells are appended to ``initial``."""
    match trigger:
        case DefaultTrigger():
            return _Default()
        case Always() | Repeatedly(underlying=AfterCount(count=1)):
            return _Always()
        case Never():
            return _Never()
        case AfterCount(count=count):
            return _Count(count, initial)
        case AfterProcessingTime(delay=delay):
            return _Delay(delay.micros, initial)
        case AfterWatermark(early=early, late=late):
            return _Watermark(_node(early, initial) if early else None, _node(late, initial) if late else None, initial)
        case Repeatedly(underlying=part):
            return _Repeat(_node(part, initial))
        case AfterAny(triggers=parts):
            return _Parallel([_node(part, initial) for part in parts], any, initial)
        case AfterAll(triggers=parts):
            return _Parallel([_node(part, initial) for part in parts], all, initial)
        case AfterEach(triggers=parts):
            return _Each([_node(part, initial) for part in parts], initial)
        case OrFinally(body=body, finally_=end):
            return _node(AfterAny(body, _once(end)), initial)
    raise TypeError(f'{trigger!r} is not a trigger that can be run')


def _once(trigger: TriggerFn) -> TriggerFn:
    """A trigger that finishes when the given one fires for the first time."""
    match trigger:
        case DefaultTrigger():
            return AfterWatermark()
        case Always():
            return AfterCount(1)
        case AfterWatermark(early=early):
            return AfterAny(_once(early), AfterWatermark()) if early else AfterWatermark()
        case Repeatedly(underlying=part) | AfterEach(triggers=(part, *_)):
            return _once(part)
        case AfterAny(triggers=parts):
            return AfterAny(*map(_once, parts))
        case AfterAll(triggers=parts):
            return AfterAll(*map(_once, parts))
        case OrFinally(body=body, finally_=end):
            return AfterAny(_once(body), _once(end))
    return trigger


def _parts(trigger: TriggerFn) -> Iterable[TriggerFn]:
    """The trigger and all that it is made of."""
    yield trigger
    match trigger:
        case AfterWatermark(early=early, late=late):
            inner: tuple[TriggerFn, ...] = tuple(part for part in (early, late) if part)
        case Repeatedly(underlying=part):
            inner = (part,)
        case OrFinally(body=body, finally_=end):
            inner = (body, end)
        case AfterAny(triggers=parts) | AfterAll(triggers=parts) | AfterEach(triggers=parts):
            inner = parts
        case _:
            inner = ()
    for part in inner:
        yield from _parts(part)
