"""The peers, and an environment of its own for each."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import attrs

from benchmarks.measure import ROOT, ContenderFailed
from benchmarks.workload import BOURNE, HAND

FOLDER = ROOT / 'build' / 'peers'


@attrs.frozen
class Peer:
    """A system that runs the jobs.

    Attributes:
      name: what the page calls it.
      program: its module in ``benchmarks.peers``.
      package: the distribution that it is; ``''`` runs in this environment.
      extras: of the distribution, with brackets.
      flags: for its program.
      needs: a command that the machine must have.
    """

    name: str
    program: str
    package: str = ''
    extras: str = ''
    flags: tuple[str, ...] = ()
    needs: str = ''

    @property
    def python(self) -> str:
        """The interpreter of its environment."""
        return str(FOLDER / self.package / 'bin' / 'python') if self.package else sys.executable

    def command(self, job: str, folder: Path, inputs: list[Path]) -> list[str]:
        """What runs a job, with output in a folder."""
        module = f'benchmarks.peers.{self.program}'
        return [self.python, '-m', module, *self.flags, job, str(folder), *map(str, inputs)]


PEERS = (
    Peer(HAND, 'by_hand'),
    Peer(BOURNE, 'on_bourne'),
    Peer('bourne, 2 workers', 'on_bourne', flags=('--workers=2',)),
    Peer('Apache Beam', 'on_beam', 'apache-beam', flags=('--runner=FnApiRunner',)),
    Peer('bytewax', 'on_bytewax', 'bytewax'),
    Peer('dask.bag', 'on_dask', 'dask', '[bag]'),
    Peer('Spark, RDD', 'on_spark_rdd', 'pyspark', needs='java'),
    Peer('Spark, DataFrame', 'on_spark_dataframe', 'pyspark', needs='java'),
    Peer('Polars', 'on_polars', 'polars'),
)


def prepare(peer: Peer) -> str:
    """Makes a peer's environment unless it is there.

    Returns:
      Its version, or ``''`` for what runs in this environment.

    Raises:
      ContenderFailed: says why there is none.
    """
    if not peer.package:
        return ''
    if peer.needs and shutil.which(peer.needs) is None:
        raise ContenderFailed(f'needs {peer.needs}, which this machine does not have')
    folder = FOLDER / peer.package
    if not (folder / 'complete').exists():
        shutil.rmtree(folder, ignore_errors=True)
        _run([sys.executable, '-m', 'venv', str(folder)])
        _run([peer.python, '-m', 'pip', '--disable-pip-version-check', 'install', '--quiet',
              f'{peer.package}{peer.extras}'])
        (folder / 'complete').touch()
    return _run([peer.python, '-c', f'import importlib.metadata as m; print(m.version({peer.package!r}))']).strip()


def _run(command: list[str]) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        said = [line for line in done.stderr.splitlines() if line.strip()]
        errors = [line for line in said if line.startswith('ERROR')]
        raise ContenderFailed(f'not installed: {(errors or said or ["no reason given"])[-1]}')
    return done.stdout
