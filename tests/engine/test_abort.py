"""A failing run: what made it fail is what is raised, and every sink is asked to remove what it prepared."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import attrs
import pytest

from bourne.sdk.model.portable import portable
from bourne.sdk.model.sink import Sink, Writer, WriteTask
from bourne.sdk.pipeline import Pipeline
from bourne.sdk.transforms.create import Create
from bourne.sdk.transforms.group import Reshuffle
from bourne.sdk.transforms.pardo import Map
from bourne.sdk.transforms.write import Write
from tests.sinks import Keeping

aborted: list[str] = []


@portable
@attrs.frozen
class Clumsy(Sink[Any]):
    """Cannot be aborted."""

    name: str

    def open(self, task: WriteTask) -> Writer[Any]:
        return Keeping()

    def commit(self, run: str, prepared: Sequence[tuple[int, Any]], epoch: int = 0) -> Sequence[Any]:
        return ()

    def abort(self, run: str, tokens: Sequence[Any]) -> None:
        aborted.append(self.name)
        raise OSError('the abort fails, too')


def fail(x: int) -> int:
    raise LookupError('the reason')


def test_a_failing_abort_hides_nothing() -> None:
    aborted.clear()
    pipeline = Pipeline()
    numbers = pipeline | Create([1])
    numbers | 'one' >> Write(Clumsy('one'))
    numbers | 'two' >> Write(Clumsy('two'))
    numbers | Reshuffle() | Map(fail)
    with pytest.raises(LookupError, match='the reason'):
        pipeline.run()
    assert sorted(aborted) == ['one', 'two']
