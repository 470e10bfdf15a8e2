"""How much memory elements take, by looking at a few of them."""

from __future__ import annotations

import math
import os
import sys
from contextlib import suppress
from functools import cache
from typing import Any

from bourne.engine.bundle import Bundle

#: How many elements of a bundle are looked at, and how many parts of each.
SAMPLE = 12
PARTS = 24
#: Without ``--memory_budget``, blocks and groups take at most this share of the machine's memory.
SHARE = 0.5
#: The budget where the size of the machine's memory cannot be told, in bytes.
ASSUMED = 4 << 30


def estimate(bundle: Bundle) -> int:
    """About how many bytes a bundle takes, its columns included.

    Measured on a sample spread evenly over the bundle, each element with its parts a few levels deep. Objects that
    several elements share are counted for each of them.
    """
    values = bundle.values
    count = len(values)
    if not count:
        return 0
    step = max(1, count // SAMPLE)
    sample = values[::step]
    size = sum(_deep(value, PARTS) for value in sample) / len(sample)
    columns = sum(type(column) is list for column in (bundle.timestamps, bundle.windows, bundle.panes))
    return int(count * (size + 8 + columns * 40))


def _deep(value: Any, budget: int) -> float:
    size: float = sys.getsizeof(value, 64)
    kind = type(value)
    if kind in (int, str, bytes, float, bool, type(None)) or budget <= 1:
        return size
    if kind in (tuple, list, set, frozenset):
        parts: Any = value
    elif kind is dict:
        parts = [part for item in list(value.items())[:budget] for part in item]
        size += _spread(parts, 2 * len(value), budget)
        return size
    else:
        parts = list(getattr(value, '__dict__', {}).values())
        parts += [getattr(value, name, None) for name in getattr(kind, '__slots__', ()) if isinstance(name, str)]
    return size + _spread(parts, len(parts), budget)


def _spread(parts: Any, count: int, budget: int) -> float:
    """The size of so many parts, by that of the first ones."""
    first = list(parts)[:budget] if count > budget else list(parts)
    if not first:
        return 0
    return sum(_deep(part, budget // len(first)) for part in first) / len(first) * count


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
