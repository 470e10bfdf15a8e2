"""What writes files refuses what has no end, and takes bounded data in a stream."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import bourne as beam
from bourne.errors import UnsupportedError
from bourne.io import fileio
from bourne.sdk.testing import MemoryStream


@pytest.mark.parametrize('sink', [
    beam.io.WriteToText, beam.io.WriteToJson, beam.io.WriteToCsv, fileio.WriteToFiles], ids=lambda sink: sink.__name__)
def test_what_has_no_end_is_not_written_to_files(tmp_path: Path, sink: Any) -> None:
    p = beam.Pipeline()
    with pytest.raises(UnsupportedError) as caught:
        p | 'read' >> MemoryStream[str]().read() | 'out' >> sink(str(tmp_path / 'x'))
    assert str(caught.value).startswith("out cannot write <PCollection from 'read'>: ")
    assert ('it is unbounded, and its files would appear when the stream is drained, and be lost if it fails before. '
            '(Bounded data is written in a stream, too.)') in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_bounded_data_is_written_in_a_stream(tmp_path: Path) -> None:
    with beam.Pipeline(argv=['--streaming']) as p:
        p | beam.Create(['a', 'b']) | beam.io.WriteToText(str(tmp_path / 'out'))
    assert [path.read_text() for path in tmp_path.iterdir()] == ['a\nb\n']
