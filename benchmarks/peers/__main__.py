"""``make bench-peers``: the jobs by hand, on bourne and on its peers; renews its part of ``docs/benchmarks.md``.

Usage: python -m benchmarks.peers [--only TEXT] [--rounds N] [--scale X] [--no-write]
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from functools import partial
from typing import Any

from benchmarks import data, page, results
from benchmarks.measure import ContenderFailed, Measure, compare, measure
from benchmarks.peers.environments import PEERS, Peer, prepare
from benchmarks.peers.jobs import Job, jobs
from benchmarks.run import chosen, show


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


def main(argv: list[str] | None = None) -> int:
    """Reads the command line."""
    parser = argparse.ArgumentParser(description='Compare bourne with other systems.')
    parser.add_argument('--only', default='', help='jobs with this in their name; commas between several')
    parser.add_argument('--rounds', type=int, default=2, help='how often each runs')
    parser.add_argument('--scale', type=float, default=1, help='the size of the inputs; only 1 is written down')
    parser.add_argument('--no-write', action='store_true', help='leave results and page as they are')
    options = parser.parse_args(argv)
    versions: dict[str, str] = {}
    absent: dict[str, str] = {}
    for peer in PEERS:
        try:
            versions[peer.name] = prepare(peer)
        except ContenderFailed as error:
            absent[peer.name] = str(error)
    kept = results.load()
    before, rows = kept.get('peers', {}), {}
    for job in jobs(options.scale):
        if chosen(job.name, '', options.only):
            rows[job.name] = run_job(job, versions, absent, options.rounds)
            show(job.name, rows[job.name])
        elif job.name in before:
            rows[job.name] = before[job.name]
    if options.scale == 1 and not options.no_write:
        kept['peers'] = rows
        results.save(kept)
        page.write(kept)
    return 0


if __name__ == '__main__':
    sys.exit(main())
