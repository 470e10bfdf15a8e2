"""Sources and sinks that cannot work are found before anything runs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import attrs
import pytest

from bourne.errors import SinkError, SourceError
from bourne.io.csvio import ReadFromCsv
from bourne.io.textio import ReadFromText
from bourne.sdk.model.portable import portable
from bourne.sdk.model.sink import Sink, Writer, WriteTask
from bourne.sdk.model.source import BoundedReader, Reader, Source
from bourne.sdk.options import PipelineOptions
from bourne.sdk.testing.pipeline import TestPipeline
from bourne.sdk.transforms.create import Create
from bourne.sdk.transforms.pardo import Map
from bourne.sdk.transforms.read import Read
from bourne.sdk.transforms.write import Write


@portable
@attrs.frozen
class Absent(Source[Any]):
    """Data that went away."""

    def check(self) -> None:
        raise SourceError('there is nothing to read')

    def splits(self, desired: int = 1) -> Sequence[Any]:
        raise AssertionError('something ran')

    def open(self, split: Any, position: Any = None) -> Reader[Any]:
        return BoundedReader([])


@portable
@attrs.frozen
class Full(Sink[Any]):
    """A target that takes nothing."""

    def check(self) -> None:
        raise SinkError('there is no room')

    def open(self, task: WriteTask) -> Writer[Any]:
        raise AssertionError('something ran')

    def commit(self, run: str, prepared: Sequence[tuple[int, Any]], epoch: int = 0) -> Sequence[Any]:
        raise AssertionError('something ran')


@pytest.mark.parametrize('flags', [[], ['--workers=2']], ids=['inline', 'processes'])
@pytest.mark.parametrize(('last', 'error', 'kind'), [(Read(Absent()), SourceError, 'Read'),
                                                     (Write(Full()), SinkError, 'Write')], ids=['source', 'sink'])
def test_nothing_runs(last: Any, error: type[Exception], kind: str, flags: list[str], tmp_path: Path) -> None:
    def touch(x: int) -> None:
        (tmp_path / 'ran').touch()

    p = TestPipeline(options=PipelineOptions(flags))
    ran = p | Create([1]) | Map(touch)
    (p if kind == 'Read' else ran) | 'mine' >> last
    with pytest.raises(error, match='there is no') as caught:
        p.run()
    assert caught.value.__notes__[0].startswith(f"in {kind} 'mine")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize('read', [ReadFromText, ReadFromCsv], ids=['text', 'csv'])
def test_files_that_went_away_after_the_pipeline_was_built(read: Any, tmp_path: Path) -> None:
    def touch(x: int) -> None:
        (tmp_path / 'ran').touch()

    data = tmp_path / 'data'
    data.write_text('a\n1\n')
    p = TestPipeline()
    p | Create([1]) | Map(touch)
    p | 'mine' >> read(str(data))
    data.unlink()
    with pytest.raises(SourceError, match=r"there is no file '.*data'") as caught:
        p.run()
    assert "'mine" in caught.value.__notes__[0]
    assert list(tmp_path.iterdir()) == []
