"""`bourne status`, `bourne wait` and `bourne cancel`."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import dask
import pytest

from bourne.cli import main
from tests.clusters import cluster
from tests.dask.gates import Gate

SCRIPT = """\
import sys

import bourne as beam


def stop(x, at, on):
    if x < 0:
        raise LookupError('the reason')
    if x == 0:
        with open(at, 'wb'):
            pass
        with open(on, 'rb'):
            pass
    return x


at, on, output, first = sys.argv[1:5]
with beam.Pipeline(argv=sys.argv[5:]) as p:
    p | beam.Create(range(int(first), 3)) | 'stop' >> beam.Map(stop, at, on) | beam.io.WriteToText(output)
"""


class Jobs:
    """Starts jobs and calls the command."""

    def __init__(self, directory: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.directory = directory
        self.capsys = capsys
        self.where = f'--dask_scheduler={cluster().scheduler_address}'
        self.at, self.on = Gate(directory, 'at'), Gate(directory, 'on')
        self.script = directory / 'counts.py'
        self.script.write_text(SCRIPT)

    def arguments(self, first: int) -> list[str]:
        return ['run', '--runner=dask', str(self.script), self.at.path, self.on.path, str(self.directory / 'made/out'),
                str(first), '--detach', self.where]

    def start(self, first: int = 0) -> str:
        code, _, err = self.call(*self.arguments(first))
        assert code == 0
        return err.split()[2]

    def call(self, *arguments: str) -> tuple[int, str, str]:
        code = main(list(arguments))
        out, err = self.capsys.readouterr()
        return code, out, err


@pytest.fixture
def jobs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Jobs:
    """With the shared cluster."""
    return Jobs(tmp_path, capsys)


def test_a_job_outlives_the_command_that_started_it(jobs: Jobs) -> None:
    done = subprocess.run([sys.executable, '-m', 'bourne', *jobs.arguments(0)], capture_output=True, text=True,
                          check=True)
    job = done.stderr.split()[2]
    jobs.at.reached()
    with dask.config.set({'scheduler-address': cluster().scheduler_address}):  # what DASK_SCHEDULER_ADDRESS sets
        code, out, _ = jobs.call('status', job)
        assert code == 0
        assert [line.split(maxsplit=1) for line in out.splitlines() if not line.startswith('started')] == [
            ['job', job], ['name', 'counts.py'], ['state', 'RUNNING'], ['stage', '1 of 1: Create +2'],
            ['elements', '0']]
        code, out, _ = jobs.call('status')
        assert out.splitlines()[0].split() == ['job', 'state', 'started', 'name', 'stage', 'elements']
        assert next(line for line in out.splitlines() if job in line).split()[:2] == [job, 'RUNNING']
    jobs.on.opened()
    assert jobs.call('wait', job, jobs.where) == (0, f'{job}: DONE\n', '')
    assert [path.read_text() for path in jobs.directory.glob('made/*')] == ['0\n1\n2\n']
    assert jobs.call('cancel', job, jobs.where) == (0, f'{job}: DONE\n', '')
    assert 'ended' in jobs.call('status', job, jobs.where)[1]


def test_wait_tells_the_users_own_exception(jobs: Jobs) -> None:
    job = jobs.start(-1)
    code, out, err = jobs.call('wait', job, jobs.where)
    assert (code, out) == (1, '')
    assert "raise LookupError('the reason')" in err
    assert "LookupError: the reason\nin Map 'stop', applied at" in err
    assert jobs.call('cancel', job, jobs.where) == (0, f'{job}: FAILED\n', '')


def test_cancel(jobs: Jobs, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr('bourne.jobcommands.PATIENCE', 0)
    job = jobs.start()
    jobs.at.reached()
    assert jobs.call('cancel', job, jobs.where) == (0, f'{job}: RUNNING, and will end at its next bundle\n', '')
    assert 'state     RUNNING, is being cancelled\n' in jobs.call('status', job, jobs.where)[1]
    jobs.on.opened()
    assert jobs.call('wait', job, jobs.where) == (1, f'{job}: CANCELLED\n', '')
    assert not list(jobs.directory.glob('made/*'))


@pytest.mark.parametrize(('arguments', 'said'), [
    (['wait', 'nothing', 'WHERE'], "knows no job 'nothing'; it knows: "),
    (['cancel', 'nothing', 'WHERE'], "knows no job 'nothing'; it knows: "),
    (['status', 'nothing', 'WHERE'], "knows no job 'nothing'; it knows: "),
    (['status'], 'there is no Dask cluster: say which one by --dask_scheduler'),
    (['status', 'one', 'two', 'WHERE'], "one job at a time, got 'two' as well"),
    (['status', '--runner=local'], 'LocalRunner has no detached runs; --runner=dask has, with --detach'),
    (['status', '--dask_schedule=x'], '--dask_schedule'),
])
def test_mistakes(jobs: Jobs, arguments: list[str], said: str) -> None:
    code, out, err = jobs.call(*(jobs.where if argument == 'WHERE' else argument for argument in arguments))
    assert (code, out) == (2, '')
    assert said in err
