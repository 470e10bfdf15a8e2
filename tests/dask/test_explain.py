"""What `bourne explain` and results say of exchanges on Dask."""

from __future__ import annotations

from pathlib import Path

import pytest

import bourne as beam
from bourne.cli import main
from bourne.engine.memory import readable
from bourne.runners.dask import exchanges
from tests.clusters import shared_runner

SCRIPT = """\
import bourne as beam

with beam.Pipeline(options=beam.options.pipeline_options.PipelineOptions()) as p:
    pairs = p | beam.Create([('a', 1)])
    pairs | 'sum' >> beam.CombinePerKey(sum)
    pairs | 'group' >> beam.GroupByKey()
"""


def explained(path: Path, capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    path.write_text(SCRIPT)
    assert main(['explain', str(path), *arguments]) == 0
    return capsys.readouterr().out


@pytest.mark.parametrize(('flags', 'expected'), [
    ([], """\
on Dask:
  stage 2: whole up to {whole}, as is likely of what is combined where it is made; \
picked tasks up to 1,000 of them and a quarter of the workers' memory; else P2P shuffle
  stage 3: whole up to {whole}; picked tasks up to 1,000 of them and a quarter of the workers' memory; else P2P shuffle
"""),
    (['--exchange=p2p'], """\
on Dask:
  stage 2: P2P shuffle: --exchange=p2p says so
  stage 3: P2P shuffle: --exchange=p2p says so
"""),
    (['--exchange=tasks'], """\
on Dask:
  stage 2: whole up to {whole}, else picked tasks: --exchange=tasks says so
  stage 3: whole up to {whole}, else picked tasks: --exchange=tasks says so
"""),
])
def test_the_plan_says_which_exchange_and_why(flags: list[str], expected: str, tmp_path: Path,
                                              capsys: pytest.CaptureFixture[str]) -> None:
    out = explained(tmp_path / 'script.py', capsys, '--plan', '--runner=dask', *flags)
    assert out.startswith('stage 1: ')
    assert out.endswith(expected.format(whole=readable(exchanges.WHOLE_MOST)))


def test_it_says_so_only_for_dask_and_with_the_plan(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / 'script.py'
    assert 'on Dask' not in explained(path, capsys, '--plan')
    assert 'on Dask' not in explained(path, capsys, '--graph', '--runner=dask')
    assert 'on Dask' not in explained(path, capsys, '--plan', '--streaming', '--runner=dask')
    assert 'on Dask' in explained(path, capsys, '--runner=dask')
    assert main(['explain', str(path), '--plan', '--runner=drask']) == 2
    assert "there is no runner 'drask'" in capsys.readouterr().err


def test_the_result_says_what_was_exchanged() -> None:
    pipeline = beam.Pipeline(runner=shared_runner())
    pipeline | beam.Create([('a', 1)]) | beam.GroupByKey()
    text = pipeline.run().explain()  # type: ignore[attr-defined]
    assert 'stage 2: whole: ' in text
    assert ' from 1 task to 1 task, since one task takes everything' in text
