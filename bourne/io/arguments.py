"""Arguments that most file transforms take."""

from __future__ import annotations

import os
from typing import Any

from bourne.errors import TransformError, UnsupportedError
from bourne.sdk.pcollection import PCollection
from bourne.sdk.ptransform import PTransform, one_input
from bourne.sdk.value_provider import ValueProvider


def path_argument(owner: str, name: str, value: Any) -> str | ValueProvider[str]:
    """A path, URL or pattern, as text or as a provider of text.

    Args:
      owner: the transform, for errors.
      name: the argument's name, for errors.
      value: what was given: a text, a ``Path``, or a value provider.

    Raises:
      TransformError: if it is something else or empty.
    """
    if isinstance(value, ValueProvider):
        return value
    if isinstance(value, (str, os.PathLike)) and (text := os.fspath(value)) and isinstance(text, str):
        return text
    raise TransformError(f'{owner}: {name} must be a path or URL as a non-empty string; got {value!r}')


def text_of(value: str | ValueProvider[str]) -> str:
    """The text itself.

    Raises:
      bourne.errors.BourneError: if it is known only when the pipeline runs, and it does not.
    """
    return value.get() if isinstance(value, ValueProvider) else value


def is_known(value: str | ValueProvider[str]) -> bool:
    """True if :func:`text_of` has something to return now."""
    return not isinstance(value, ValueProvider) or value.is_accessible()


def bounded_input(transform: PTransform, value: Any) -> PCollection[Any]:
    """The single, bounded collection that a file-writing transform needs.

    Raises:
      TransformError: if it was applied to something else.
      UnsupportedError: if the collection has no end.
    """
    pcoll = one_input(transform, value)
    if not pcoll.is_bounded:
        raise UnsupportedError(
            f'{transform.full_label()} cannot write {pcoll!r}: it is unbounded, and its files would appear when the '
            f'stream is drained, and be lost if it fails before. (Bounded data is written in a stream, too.) Write '
            f'what has no end in a DoFn, or with a Sink of your own and Write')
    return pcoll


def reject_unknown(owner: str, given: dict[str, Any], known: tuple[str, ...]) -> None:
    """Refuses keyword arguments that Beam hands to pandas and that have no meaning here.

    Raises:
      TransformError: names them, and those that there are.
    """
    unknown = sorted(set(given) - set(known))
    if unknown:
        raise UnsupportedError(
            f'{owner} does not support the argument{"s" * (len(unknown) > 1)} {", ".join(unknown)}; '
            f'it supports {", ".join(known)}')
