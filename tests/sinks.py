"""Parts of sinks for tests."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from bourne.sdk.model.sink import Writer


class Keeping(Writer[Any]):
    """Keeps nothing."""

    def write(self, values: Sequence[Any]) -> None: ...

    def prepare(self) -> str:
        return 'token'

    def abort(self) -> None: ...
