"""The page of the documentation, from the results."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from benchmarks.measure import ROOT
from benchmarks.results import Results, load
from benchmarks.workload import BOURNE, HAND

PAGE = ROOT / 'docs' / 'benchmarks.md'

INTRODUCTION = """\
# Benchmarks

Written by `make bench` and `make bench-peers`; each renews its part. `make bench ONLY=nexmark` measures only the
workloads whose name or section has that in it.

Every pipeline stands beside the loop that a good engineer would write by hand for the same input, and must return the
same result. Each runs in a process of its own, in turn, several times: of the times the best counts, of the memory the
most. What takes place once in a process, such as imports, is measured by itself. CPU time is user and system time of
all processes together, wall-clock time is what a user waits. Memory is the peak of the resident memory of all processes
together, with their input; what they share counts once. A ratio is CPU time in that of the loop by hand.
"""

#: Cores that other programs may keep busy before the page says so: wall-clock times are then worth less.
BUSY = 0.2

#: What is to be known about a section.
REMARKS = {
    'Nexmark, 1 million events': """\
Queries 0 to 8 of NEXMark (Tucker et al., 2002) over events that are in memory, with their times. A loop by hand that
only looks at an event takes 60 ns for it: there the ratio shows what the call of a user's function costs in Python.
""",
    'Streams': """\
Each runs inline, as `--streaming` or an unbounded source has it. Latencies are from when an event is due to when its
count is emitted, over all events of a run; of the runs that with the best. The idle loop follows a file and a socket to
which nobody writes, and has one impulse a second; the loop by hand waits with `select` and looks at the file ten times
a second, too. Bytes a key are what resident memory grows by, of key, value and timer together.
""",
    'Streams: Nexmark, 1 million events': """\
The same queries and the same events as above, as a batch and as a stream whose watermark goes with the events. Queries
3 and 6 ask about all of time, and answer once the stream has ended.
""",
    'More data than memory': """\
`by hand, files` spreads the pairs over sixteen files by their key and groups one file after the other, and so does
`by hand` where the data are larger than the machine's memory.
""",
}

PEERS = """\
## Peers

The same jobs from text files to text files, each in the words that its system suggests (`benchmarks/peers/`). Every
program is measured from outside, from when it has started (imports, sessions, virtual machines; column `start`) until
its output is written. The outputs must agree. dask.bag, Spark and Polars use all cores, as they do by default; loops by
hand, bourne, Beam's FnApiRunner and bytewax run in one process. Polars and Spark's DataFrames compute in native code
what the others do by calling Python functions.
"""

Row = Mapping[str, Any]


def write(results: Results) -> None:
    """Writes the page."""
    PAGE.write_text(page(results), encoding='utf-8')


def page(results: Results) -> str:
    """The page."""
    rows = list(results.get('bench', {}).values())
    parts = [INTRODUCTION, *_goals(rows)]
    for section in dict.fromkeys(row['section'] for row in rows):
        found = [row for row in rows if row['section'] == section]
        if any(row['contenders'] for row in found):
            parts += [f'## {section}\n', *filter(None, [REMARKS.get(section)]), *_origin(found), *_table(found),
                      *_measured(found)]
    if peers := list(results.get('peers', {}).values()):
        parts += [PEERS, *_origin(peers), *_versions(peers), *_by_contender(peers, start=True)]
    return '\n'.join(parts)


def _origin(rows: list[Row]) -> Iterator[str]:
    """Where rows come from: one line, unless they were measured at different times."""
    for origin in dict.fromkeys((row['machine'], row['commit'], row['date']) for row in rows):
        machine, commit, date = origin
        others = max((one['others'] for row in rows if (row['machine'], row['commit'], row['date']) == origin
                      for one in row['contenders'].values()), default=0)
        busy = f' Meanwhile other programs kept up to {others:.1f} cores busy.' if others >= BUSY else ''
        yield f'Measured on {date} at commit {commit}: {machine}.{busy}\n'


def _versions(rows: Iterable[Row]) -> Iterator[str]:
    versions = {name: version for row in rows for name, version in row['versions'].items()}
    yield f'Versions: {", ".join(f"{name} {version}" for name, version in versions.items())}.\n'


def _line(cells: Iterable[str]) -> str:
    return f'| {" | ".join(cells)} |'


def _goals(rows: Iterable[Row]) -> Iterator[str]:
    yield '## What is asked, and reached\n'
    yield '| workload | number | measured | asked | |\n|---|---|---:|---:|---|'
    for row in rows:
        title = row['title']
        for goal in row['goals']:
            mark = '' if not goal['bound'] else 'reached' if goal['reached'] else 'missed'
            yield _line([title, goal['what'], goal['measured'], goal['bound'], mark])
            title = ''
    yield ''


def _table(rows: list[Row]) -> Iterator[str]:
    return _pairs(rows) if all({*row['contenders']} == {HAND, BOURNE} for row in rows) else _by_contender(rows)


def _pairs(rows: Iterable[Row]) -> Iterator[str]:
    """A line for each workload: the loop and the pipeline side by side."""
    yield _line(['workload', 'unit', 'by hand, per CPU s', 'bourne, per CPU s', 'by hand, per s', 'bourne, per s',
                 'ratio', 'by hand, MiB', 'bourne, MiB'])
    yield '|---|---|---:|---:|---:|---:|---:|---:|---:|'
    for row in rows:
        both = [row['contenders'][HAND], row['contenders'][BOURNE]]
        rates = [_rate(row, one, kind) for kind in ('cpu', 'wall') for one in both]
        memory = [str(one['memory']) for one in both]
        yield _line([row['title'], row['unit'], *rates, _ratio(both[1], both[0]), *memory])
    yield ''


def _by_contender(rows: Iterable[Row], start: bool = False) -> Iterator[str]:
    """A line for each contender of each workload."""
    yield _line(['workload', 'contender', 'unit', 'per CPU s', 'per s', 'ratio', 'MiB', *(['start'] if start else [])])
    yield '|---|---|---|---:|---:|---:|---:|' + '---:|' * start
    for row in rows:
        title, hand = row['title'], row['contenders'].get(HAND)
        for name, one in row['contenders'].items():
            rates = [_rate(row, one, kind) for kind in ('cpu', 'wall')]
            cells = [title, name, row['unit'], *rates, _ratio(one, hand) if hand else '', str(one['memory'])]
            yield _line([*cells, f'{one["start"]:.1f} s'] if start else cells)
            title = ''
        for name, reason in row['failed'].items():
            yield _line([title, name, reason, *[''] * (4 + start)])
            title = ''
    yield ''


def _measured(rows: list[Row]) -> Iterator[str]:
    """A line for each number that contenders measured themselves, if there are any: one beside the other."""
    if not any(one.get('numbers') for row in rows for one in row['contenders'].values()):
        return
    names = [*dict.fromkeys(name for row in rows for name, one in row['contenders'].items() if one.get('numbers'))]
    yield _line(['workload', 'number', *names])
    yield f'|---|---|{"---:|" * len(names)}'
    for row in rows:
        title, found = row['title'], {name: one.get('numbers', {}) for name, one in row['contenders'].items()}
        for what in dict.fromkeys(what for numbers in found.values() for what in numbers):
            cells = [found.get(name, {}).get(what) for name in names]
            yield _line([title, what, *('' if cell is None else f'{cell:g}' for cell in cells)])
            title = ''
    yield ''


def _rate(row: Row, one: Row, kind: str) -> str:
    """Throughput, in three digits."""
    rate = row['amount'] / one[kind]
    return f'{rate:.0f}' if rate >= 100 else f'{rate:.3g}'


def _ratio(one: Row, hand: Row) -> str:
    return f'{one["cpu"] / hand["cpu"]:.2f}'


if __name__ == '__main__':
    write(load())
