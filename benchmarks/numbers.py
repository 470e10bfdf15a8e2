"""What contenders say that measure something themselves. Imports nothing that a peer might not have."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple


class Answer(NamedTuple):
    """What a contender returns that has measured something itself.

    Attributes:
      result: what it computed.
      numbers: what it measured, by names with units. The less the better.
    """

    result: Any
    numbers: Mapping[str, float]

    def __str__(self) -> str:
        return str(self.result)
