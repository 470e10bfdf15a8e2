"""``make bench-peers``: the jobs by hand, on bourne and on its peers; renews its part of ``docs/benchmarks.md``.

Usage: python -m benchmarks.peers [--only TEXT] [--rounds N] [--scale X] [--no-write]
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from benchmarks import data, results
from benchmarks.measure import ContenderFailed, Measure, compare, measure
from benchmarks.peers.environments import PEERS, Peer, prepare
from benchmarks.peers.jobs import Job, jobs
from benchmarks.run import arguments, run_all

#: How often each job runs on each peer.
ROUNDS = 2


def run_once(peer: Peer, job: Job) -> Measure:
    """Measures one run of a job; its output is new each time."""
    return measure(peer.command(job.name, data.fresh('peers'), job.inputs()))


def run_job(job: Job, versions: dict[str, str], absent: dict[str, str], rounds: int) -> dict[str, Any]:
    """Measures a job on all peers; returns its row of the results."""
    job.inputs()
    runs: dict[str, Callable[[], Measure]] = {
        peer.name: partial(run_once, peer, job) for peer in PEERS if peer.name in versions}
    taken, failed = compare(runs, rounds)
    return results.row(taken, {**failed, **absent}, title=job.title, unit=job.unit, amount=job.amount, goals=[],
                       versions={name: version for name, version in versions.items() if version})


def installed() -> tuple[dict[str, str], dict[str, str]]:
    """The versions of the peers, and the reasons why others are not there."""
    versions: dict[str, str] = {}
    absent: dict[str, str] = {}
    for peer in PEERS:
        try:
            versions[peer.name] = prepare(peer)
        except ContenderFailed as error:
            absent[peer.name] = str(error)
    return versions, absent


def main(argv: list[str] | None = None) -> None:
    """Reads the command line."""
    options = arguments('Compare bourne with other systems.').parse_args(argv)
    versions, absent = installed()
    run_all('peers', {job.name: ('', partial(run_job, job, versions, absent, options.rounds or ROUNDS))
                      for job in jobs(options.scale)}, options)


if __name__ == '__main__':
    main()
