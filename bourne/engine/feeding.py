"""How a task's input becomes bundles, each of at most so many bytes as far as one can tell beforehand."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from bourne.engine.bundle import Bundle
from bourne.engine.memory import estimate
from bourne.engine.pace import Pace, fitting
from bourne.sdk.model.source import DEFAULT_RECORDS, Records


def polled(poll: Callable[[int], Records[Any] | None], pace: Pace) -> Iterator[Bundle]:
    """What a reader gives, to its end.

    A poll that was cut off by its limit is measured. While little is known of the elements, the limits are small, and
    several polls make one bundle: how elements are bundled does not show how carefully they were read.

    Args:
      poll: takes the most elements that it shall return.
      pace: says how many that are.
    """
    bundle = Bundle([])
    while (records := poll(asked := pace.limit - len(bundle))) is not None:
        found = Bundle(records.values, records.timestamps)
        if len(found) >= asked:
            pace.add(estimate(found))
            pace.took(len(found))
        bundle = _joined(bundle, found) if bundle.values else found
        if len(found) < asked or len(bundle) >= pace.limit:
            if bundle.values:
                yield bundle
            bundle = Bundle([])
    if bundle.values:
        yield bundle


def _joined(one: Bundle, other: Bundle) -> Bundle:
    if type(one.timestamps) is int and one.timestamps == other.timestamps:
        return Bundle([*one.values, *other.values], one.timestamps)
    return Bundle([*one.values, *other.values], [*_times(one), *_times(other)])


def _times(bundle: Bundle) -> list[int]:
    times = bundle.timestamps
    return times if isinstance(times, list) else [times] * len(bundle.values)


def cut(bundles: Iterable[Bundle], size: int | None, target: int) -> Iterator[Bundle]:
    """The elements of bundles, in bundles that are not too large.

    What is left is measured for each of them, so that a few huge elements (hot keys, which tend to come first) do not
    make bundles of one element of all others.

    Args:
      bundles: what is in memory already.
      size: the most elements of a bundle; ``None`` to go by their bytes.
      target: about how many bytes a bundle may take.
    """
    most = size or DEFAULT_RECORDS
    for bundle in bundles:
        start, count = 0, len(bundle)
        while start < count:
            part = bundle if not start and count <= most else bundle.take(slice(start, start + most))
            if size is None and len(part) > 1:
                fit = fitting(len(part), estimate(part), target)
                part = part if fit >= len(part) else part.take(slice(fit))
            yield part
            start += len(part)
