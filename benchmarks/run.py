"""``make bench``: every workload by hand and as a pipeline, in turn, in the same run; the table goes to
``docs/benchmarks.md``.

Usage: python benchmarks/run.py [--rounds N] [--no-write] [WORKLOAD ...]
"""

from __future__ import annotations

import argparse
import datetime
import os
import platform
import statistics
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from benchmarks.measure import Measure, measure  # noqa: E402
from benchmarks.startup import import_time, smallest_pipeline  # noqa: E402
from benchmarks.workloads import WORKLOADS  # noqa: E402


def compare(name: str, rounds: int) -> str:
    """The table row of a workload; rounds alternate, so that a noisy machine disturbs both contenders alike."""
    work = WORKLOADS[name]
    work.prepare()
    taken: dict[str, list[Measure]] = {'by_hand': [], 'pipeline': []}
    for _ in range(rounds):
        for contender, results in taken.items():
            results.append(measure(name, contender))
    if len({one.result for results in taken.values() for one in results}) != 1:
        raise SystemExit(f'{name}: the contenders disagree: { {who: done[0].result for who, done in taken.items()} }')
    best = {who: min(results, key=lambda one: one.cpu) for who, results in taken.items()}
    hand, ours = best['by_hand'], best['pipeline']
    ratio = statistics.median(b.cpu / a.cpu for a, b in zip(taken['by_hand'], taken['pipeline'], strict=True))
    return (f'| {work.title} | {work.amount / hand.cpu:.2f} | {work.amount / ours.cpu:.2f} | {work.unit} '
            f'| {ratio:.2f} | {work.goal:.2f} | {hand.memory:.0f} | {ours.memory:.0f} |')


def machine() -> str:
    """What ran it."""
    commit = subprocess.run(['git', 'rev-parse', '--short', 'HEAD'], cwd=ROOT, capture_output=True, text=True,
                            check=False).stdout.strip()
    return (f'{os.cpu_count()} cores ({platform.machine()}), Python {platform.python_version()}, '
            f'{platform.system()}, commit {commit or "unknown"}, {datetime.date.today():%Y-%m-%d}')


def table(names: list[str], rounds: int) -> str:
    """The whole page."""
    lines = [
        '# Benchmarks', '',
        'Written by `make bench`. Each row compares a pipeline on the inline local runner with the loop that a good',
        'engineer writes by hand, on the same input, each in a process of its own, in turn. Throughput is per second',
        'of CPU time, of the best round. The ratio is the CPU time of the pipeline in that of the loop, the',
        f'median over {rounds} rounds; the goal is the most that it should be. Memory is the peak of the process, with',
        'its input.',
        '', f'Machine: {machine()}.', '',
        '| workload | by hand | bourne | unit per CPU s | ratio | goal | MB by hand | MB bourne |',
        '|---|---:|---:|---|---:|---:|---:|---:|']
    for name in names:
        lines.append(compare(name, rounds))
        print(lines[-1], flush=True)
    first, next_ = smallest_pipeline()
    lines += ['', 'The best of eleven new processes:', '', '| start | measured | goal |', '|---|---:|---:|',
              f'| `import bourne` beyond the start of Python | {import_time() * 1000:.0f} ms | 120 ms |',
              f'| the smallest test pipeline, first in a process | {first * 1000:.1f} ms | 10 ms |',
              f'| the smallest test pipeline, afterwards | {next_ * 1000:.2f} ms | 2 ms |', '']
    print('\n'.join(lines[-6:]))
    return '\n'.join(lines)


def main() -> None:
    """Reads the command line."""
    parser = argparse.ArgumentParser(description='Compare bourne with hand-written loops.')
    parser.add_argument('workloads', nargs='*', choices=[[], *WORKLOADS], help='which ones; all by default')
    parser.add_argument('--rounds', type=int, default=5)
    parser.add_argument('--no-write', action='store_true', help='leave docs/benchmarks.md as it is')
    options = parser.parse_args()
    page = table(options.workloads or list(WORKLOADS), options.rounds)
    if not options.no_write and not options.workloads:
        (ROOT / 'docs' / 'benchmarks.md').write_text(page)


if __name__ == '__main__':
    main()
