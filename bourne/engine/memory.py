"""How much memory elements take, by looking at a few of them."""

from __future__ import annotations

import math
import os
import sys
from contextlib import suppress
from functools import cache
from itertools import islice
from operator import index
from typing import Any

from bourne.engine.bundle import Bundle

#: How many elements of a bundle are looked at, and how many parts of each.
SAMPLE = 12
PARTS = 24
#: Objects of so many bytes are counted once if elements share them.
LARGE = 1024
#: Objects without parts.
PLAIN = frozenset({int, str, bytes, float, bool, type(None)})
#: Objects of which nothing is in memory but what ``sys.getsizeof`` tells, and their parts.
CONTAINERS = frozenset({tuple, list, dict, set, frozenset})
#: About how many bytes a key with its accumulator takes in a table.
ENTRY = 400
#: Without ``--memory_budget``, blocks and groups take at most this share of the machine's memory.
SHARE = 0.5
#: The budget where the size of the machine's memory cannot be told, in bytes.
ASSUMED = 4 << 30


def estimate(bundle: Bundle) -> int:
    """About how many bytes a bundle takes, its columns included.

    Measured on a sample spread evenly over the bundle, each element with its parts a few levels deep. A large object
    that the sample meets again is taken to be shared by all elements, and counted once.
    """
    values = bundle.values
    count = len(values)
    if not count:
        return 0
    step = max(1, count // SAMPLE)
    sample = values[::step]
    scale = _Scale()
    size = shared = 0.0
    for scale.element, value in enumerate(sample):
        size += scale.deep(value, PARTS, 1.0, None)
    for one in scale.large.values():
        root = one.shared_root
        if root is None:
            size += one.size
        else:
            shared += one.size / root.weight
    columns = sum(type(column) is list for column in (bundle.timestamps, bundle.windows, bundle.panes))
    return int(count * (size / len(sample) + 8 + columns * 40) + shared)


class _Large:
    """A large object that a sample met.

    Attributes:
      size: its bytes and those of its small parts, times ``weight``.
      weight: how many objects it stands for.
      owner: the large object that it was found in, if any.
      element: the number of the element that it was found in.
      again: it was met in another element, too.
    """

    __slots__ = ('size', 'weight', 'owner', 'element', 'again')

    def __init__(self, size: float, weight: float, owner: _Large | None, element: int) -> None:
        self.size = size
        self.weight = weight
        self.owner = owner
        self.element = element
        self.again = False

    @property
    def shared_root(self) -> _Large | None:
        """What elements share: the object itself, or a large one around it; ``None`` if they do not."""
        if self.again:
            return self
        return self.owner.shared_root if self.owner is not None else None


class _Scale:
    """Weighs objects with their parts; large ones stand in ``large`` by their id, and not in the sums.

    Attributes:
      large: the large objects.
      element: the number of the element at hand.
    """

    __slots__ = ('large', 'element')

    def __init__(self) -> None:
        self.large: dict[int, _Large] = {}
        self.element = 0

    def deep(self, value: Any, budget: int, weight: float, owner: _Large | None) -> float:
        """The bytes of an object and its parts, times ``weight``; so many parts are looked at."""
        kind = type(value)
        size: float = sys.getsizeof(value, 64)
        plain = kind in PLAIN
        if not plain:
            plain = budget <= 1
            if kind not in CONTAINERS and hasattr(kind, 'nbytes'):
                size = max(size, _viewed(value))
        if size < LARGE:
            return weight * size if plain else weight * size + self._parts(value, budget, weight, owner)
        known = self.large.get(id(value))
        if known is not None:
            known.again |= known.element != self.element
            return 0
        made = self.large[id(value)] = _Large(weight * size, weight, owner, self.element)
        if not plain:
            made.size += self._parts(value, budget, weight, made)
        return 0

    def _parts(self, value: Any, budget: int, weight: float, owner: _Large | None) -> float:
        kind = type(value)
        parts: Any
        if kind in (tuple, list, set, frozenset):
            parts, count = value, len(value)
        elif kind is dict:
            parts, count = [part for item in islice(value.items(), budget) for part in item], 2 * len(value)
        else:
            parts = list(getattr(value, '__dict__', {}).values())
            parts += [getattr(value, name, None) for name in getattr(kind, '__slots__', ()) if isinstance(name, str)]
            count = len(parts)
        if not count:
            return 0
        first = min(count, budget)
        each = budget // first if first > 1 else budget - 1  # at the end of a long chain nobody looks
        return sum([self.deep(part, each, weight * count / first, owner) for part in islice(parts, first)])


def _viewed(value: Any) -> int:
    """How many bytes an object such as an array has, be they its own or, as those of a view, somebody else's.

    What is not its own is counted, too: nobody else may hold it, and when the object moves, it goes along.
    """
    try:
        return index(value.nbytes)
    except Exception:  # it is somebody's property, and need not be what it is elsewhere
        return 0


@cache
def default_budget() -> int:
    """The budget of a run that is given none, in bytes: a share of the machine's memory."""
    if not hasattr(os, 'sysconf'):  # Windows does not say in the standard library
        return ASSUMED
    return int(min(os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES'), _container_limit()) * SHARE)


def _container_limit() -> float:
    """What a container may take, by its control group (version 2, then 1); infinity outside of one."""
    for path in ('/sys/fs/cgroup/memory.max', '/sys/fs/cgroup/memory/memory.limit_in_bytes'):
        with suppress(OSError, ValueError), open(path, encoding='utf-8') as file:
            return int(file.read())
    return math.inf


def resident(process: int | None = None) -> int:
    """How many bytes of the machine's memory a process has, those included that it shares with others.

    Where the system does not tell, the most that this process ever had; 0 for other processes, and on Windows.

    Args:
      process: its number; by default this process.
    """
    with suppress(OSError, ValueError, IndexError):
        file = os.open(f'/proc/{process or "self"}/statm', os.O_RDONLY)
        try:
            return int(os.read(file, 100).split()[1]) * _page_size()
        finally:
            os.close(file)
    if process is not None or sys.platform == 'win32':
        return 0
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == 'darwin' else peak * 1024


@cache
def _page_size() -> int:
    return os.sysconf('SC_PAGE_SIZE')


def readable(size: float) -> str:
    """A number of bytes for people, in powers of 1000: ``950 B``, ``1.2 MB``."""
    for unit in ('B', 'kB', 'MB', 'GB'):
        if size < 999.5:
            return f'{size:.0f} {unit}' if size >= 9.95 or unit == 'B' else f'{size:.1f} {unit}'
        size /= 1000
    return f'{size:.1f} TB'
