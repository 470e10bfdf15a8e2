"""``make bench``: every workload by hand and as a pipeline, in turn; the page is ``docs/benchmarks.md``.

Usage: python -m benchmarks.run [--only TEXT] [--rounds N] [--scale X] [--no-write]
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from typing import Any

from benchmarks import page, results, startup
from benchmarks.measure import ROOT, Measure, compare, measure
from benchmarks.workload import HAND, Workload
from benchmarks.workloads import workloads

START = 'start'


def command(workload: str, contender: str, scale: float) -> list[str]:
    """What runs one contender of a workload in a process of its own."""
    return [sys.executable, '-m', 'benchmarks.contender', workload, contender, str(scale)]


def run_workload(work: Workload, rounds: int | None, scale: float) -> dict[str, Any]:
    """Measures a workload; returns its row of the results."""
    # Not in this process: what starts the contenders should be small.
    subprocess.run(command(work.name, 'prepare', scale), cwd=ROOT, check=True)
    runs: dict[str, Callable[[], Measure]] = {
        contender: partial(measure, command(work.name, contender, scale)) for contender in work.contenders}
    taken, failed = compare(runs, rounds or work.rounds)
    goals = [] if failed else [goal.check(taken) for goal in work.goals]
    return results.row(taken, failed, title=work.title, section=work.section, unit=work.unit, amount=work.amount,
                       goals=goals)


def run_start() -> dict[str, Any]:
    """Measures what it takes to begin; returns its row."""
    return results.row({}, {}, title='start', section='', unit='', amount=0, goals=startup.goals())


def show(name: str, row: dict[str, Any]) -> None:
    """Prints a row."""
    print(f'{name}: {row["title"]}')
    hand = row['contenders'].get(HAND)
    for contender, one in row['contenders'].items():
        ratio = f'{one["cpu"] / hand["cpu"]:6.2f} x' if hand else ''
        print(f'  {contender:26}{one["cpu"]:8.2f} s CPU {ratio} {one["wall"]:8.2f} s {one["memory"]:6} MB')
        for what, number in one['numbers'].items():
            print(f'  {"":26}{number:8g} {what}')
    for contender, reason in row['failed'].items():
        print(f'  {contender:26} {reason}')
    for goal in row['goals']:
        mark = '' if goal['reached'] else '  MISSED'
        print(f'  {goal["what"]}: {goal["measured"]} ({goal["bound"] or "not asked"}){mark}')
    sys.stdout.flush()


def chosen(name: str, section: str, only: str) -> bool:
    """True if one of the texts, which commas separate, is in the name or the section."""
    return any(text.strip().lower() in f'{name} {section}'.lower() for text in only.split(','))


def renewed(before: dict[str, Any], options: argparse.Namespace) -> dict[str, Any]:
    """The rows of all workloads: those that are chosen are measured, the others stay as they were."""
    rows = {}
    for name, work in workloads(options.scale).items():
        if chosen(name, work.section, options.only):
            rows[name] = run_workload(work, options.rounds, options.scale)
            show(name, rows[name])
        elif name in before:
            rows[name] = before[name]
    if chosen(START, '', options.only):
        rows[START] = run_start()
        show(START, rows[START])
    elif START in before:
        rows[START] = before[START]
    return rows


def main(argv: list[str] | None = None) -> int:
    """Reads the command line; returns 1 if a contender failed."""
    parser = argparse.ArgumentParser(description='Compare bourne with loops written by hand.')
    parser.add_argument('--only', default='', help='texts in names or sections, commas between them')
    parser.add_argument('--rounds', type=int, help='how often each contender runs; by default it depends')
    parser.add_argument('--scale', type=float, default=1, help='the size of the inputs; only 1 is written down')
    parser.add_argument('--no-write', action='store_true', help='leave results and page as they are')
    options = parser.parse_args(argv)
    kept = results.load()
    bench = renewed(kept.get('bench', {}), options)
    if options.scale == 1 and not options.no_write:
        kept['bench'] = bench
        results.save(kept)
        page.write(kept)
    return int(any(row['failed'] for row in bench.values()))


if __name__ == '__main__':
    sys.exit(main())
