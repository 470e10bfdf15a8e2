"""``make bench``: every workload by hand and as a pipeline, in turn; the page is ``docs/benchmarks.md``.

Usage: python -m benchmarks.run [--only TEXT] [--rounds N] [--scale X] [--no-write]
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from benchmarks import page, results, startup
from benchmarks.measure import ROOT, Measure, compare, measure
from benchmarks.workload import HAND, Workload
from benchmarks.workloads import workloads

START = 'start'
#: A section, and what measures one row of it.
Task = tuple[str, Callable[[], dict[str, Any]]]


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
        print(f'  {contender:26}{one["cpu"]:8.2f} s CPU {ratio} {one["wall"]:8.2f} s {one["memory"]:6} MiB')
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


def run_all(part: str, tasks: Mapping[str, Task], options: argparse.Namespace) -> bool:
    """Runs what the options choose, and keeps each row at once: what has been measured survives an interruption.

    Args:
      part: the part of the results that the tasks belong to.
      tasks: all of that part, in the order of the page.
      options: see :func:`arguments`.

    Returns:
      True if no contender failed.
    """
    good = True
    for name, (section, task) in tasks.items():
        if chosen(name, section, options.only):
            row = task()
            show(name, row)
            good = good and not row['failed']
            if options.scale == 1 and not options.no_write:
                page.write(results.renew(part, name, row, tasks))
    return good


def arguments(description: str) -> argparse.ArgumentParser:
    """The command line."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument('--only', default='', help='texts in names or sections, commas between them')
    parser.add_argument('--rounds', type=int, help='how often each contender runs; by default it depends')
    parser.add_argument('--scale', type=float, default=1, help='the size of the inputs; only 1 is written down')
    parser.add_argument('--no-write', action='store_true', help='leave results and page as they are')
    return parser


def main(argv: list[str] | None = None) -> int:
    """Reads the command line; returns 1 if a contender failed."""
    options = arguments('Compare bourne with loops written by hand.').parse_args(argv)
    tasks: dict[str, Task] = {
        name: (work.section, partial(run_workload, work, options.rounds, options.scale))
        for name, work in workloads(options.scale).items()}
    return int(not run_all('bench', {**tasks, START: ('', run_start)}, options))


if __name__ == '__main__':
    sys.exit(main())
