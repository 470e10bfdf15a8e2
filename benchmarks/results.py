"""The results of the last runs, in ``benchmarks/results.json``.

They are kept so that a run of some workloads, or of the peers alone, renews its part of the page and leaves the rest.
"""

from __future__ import annotations

import datetime
import json
import os
import platform
import re
import subprocess
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from benchmarks.measure import ROOT, Measure

FILE = ROOT / 'benchmarks' / 'results.json'

#: A part of the page to its rows by the name of the workload.
Results = dict[str, dict[str, Any]]


def load() -> Results:
    """What was measured so far."""
    return json.loads(FILE.read_text(encoding='utf-8')) if FILE.exists() else {}


def save(results: Results) -> None:
    """Keeps it."""
    FILE.write_text(json.dumps(results, indent=1) + '\n', encoding='utf-8')


def renew(part: str, name: str, row: dict[str, Any], order: Iterable[str]) -> Results:
    """Keeps one row anew.

    Args:
      part: the part that the row is in.
      name: the row's name.
      row: the row.
      order: the names of all rows that there may be in the part.

    Returns:
      All results.
    """
    results = load()
    rows = {**results.get(part, {}), name: row}
    results[part] = {name: rows[name] for name in order if name in rows}
    save(results)
    return results


def row(taken: Mapping[str, Measure], failed: Mapping[str, str], **about: Any) -> dict[str, Any]:
    """A row of the results.

    Args:
      taken: what contenders took, by name.
      failed: why others took nothing.
      about: what else there is to say about the workload.
    """
    contenders = {name: {'cpu': round(one.cpu, 4), 'wall': round(one.wall, 4), 'memory': round(one.memory),
                      'start': round(one.start, 2), 'others': round(one.others, 2),
                      'numbers': {what: float(f'{number:.3g}') for what, number in one.numbers.items()}}
                  for name, one in taken.items()}
    return {**about, 'contenders': contenders, 'failed': {name: _plain(reason) for name, reason in failed.items()},
            'machine': machine(), 'commit': _commit(), 'date': f'{datetime.date.today():%Y-%m-%d}'}


def _plain(reason: str) -> str:
    """A reason without what is only of this machine: addresses, paths."""
    return re.sub(r'\w+://\S+|(?<!\w)/[\w./-]{2,}', '...', reason)[:200].replace('|', '/').strip()


def machine() -> str:
    """What this machine is: nothing by which it could be found."""
    memory = os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES') / (1 << 30)
    return (f'{os.cpu_count()} cores ({_cpu()}), {memory:.0f} GiB, {platform.system()}, '
            f'{platform.python_implementation()} {platform.python_version()}')


def _cpu() -> str:
    try:
        found = re.search(r'^model name\s*: (.*)', Path('/proc/cpuinfo').read_text(encoding='utf-8'), re.MULTILINE)
    except OSError:
        found = None
    return re.sub(r'\((R|TM)\)', '', found[1]) if found else platform.machine()


def _commit() -> str:
    found = subprocess.run(['git', 'rev-parse', '--short', 'HEAD'], cwd=ROOT, capture_output=True, text=True)
    return found.stdout.strip() or 'unknown'
