"""``ToString``: elements as text."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from bourne.errors import TransformError
from bourne.sdk.ptransform import PTransform
from bourne.sdk.transforms.pardo import Map


def _joined(element: Iterable[Any], delimiter: str) -> str:
    return delimiter.join(map(str, element))


class ToString:
    """Elements as text."""

    @staticmethod
    def Element() -> PTransform:
        """``str`` of each element."""
        return 'ElementToString' >> Map(str)

    @staticmethod
    def Iterables(delimiter: str | None = None) -> PTransform:
        """``str`` of the items of each element, which is an iterable, with a delimiter between them.

        Args:
          delimiter: by default a comma.
        """
        if delimiter is not None and not isinstance(delimiter, str):
            raise TransformError(f'ToString: the delimiter is a str, got {delimiter!r}')
        return 'IterablesToString' >> Map(_joined, ',' if delimiter is None else delimiter)

    #: ``str`` of the key and the value of each pair, with a delimiter between them.
    Kvs = Iterables
