"""What ``--profile`` shows when a run has ended. Imported only by runs that are profiled."""

from __future__ import annotations

import sys
from typing import Any, TextIO

from bourne.sdk.model.profile import Profile, ProfileRow

__all__ = ['Profile', 'show', 'text']

#: Rows beyond so many, and rows with less than this share, are shown as one.
ROWS = 20
LEAST = 0.005

_TITLES = ('share', 'seconds', 'stage', 'part', 'transform', 'hottest line')
_RIGHT = 3  # so many columns hold numbers


def show(profile: Profile, file: TextIO | None = None) -> None:
    """Writes a profile: as a table on a terminal, else as plain text.

    Args:
      profile: the profile.
      file: where to; by default stderr.
    """
    out = sys.stderr if file is None else file
    if out.isatty():
        _show_table(profile, out)
    else:
        print(text(profile), file=out, flush=True)


def text(profile: Profile) -> str:
    """A profile as plain text: what was measured, and a line for each part of a transform's work."""
    rows = [_TITLES, *_cells(profile)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(_TITLES) - 1)]
    lines = [_title(profile)]
    for row in rows:
        cells = [cell.rjust(width) if column < _RIGHT else cell.ljust(width)
                 for column, (cell, width) in enumerate(zip(row, widths))]
        lines.append('  '.join([*cells, row[-1]]).rstrip())
    return '\n'.join(lines)


def _show_table(profile: Profile, out: Any) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(title=_title(profile), title_justify='left', box=None, pad_edge=False)
    for number, title in enumerate(_TITLES):
        table.add_column(title, justify='right' if number < _RIGHT else 'left', overflow='fold',
                         no_wrap=number <= _RIGHT)
    for row in _cells(profile):
        table.add_row(*map(Text, row))
    Console(file=out).print(table)


def _title(profile: Profile) -> str:
    where = f' in {profile.processes} processes' if profile.processes > 1 else ''
    return f'profile: {profile.total:.2f} s in stages{where}; the run took {profile.elapsed:.2f} s'


def _cells(profile: Profile) -> list[tuple[str, ...]]:
    rows = profile.rows()
    shown = [row for row in rows[:ROWS] if row.share >= LEAST] or rows[:1]
    rest = rows[len(shown):]
    cells = [_row_cells(row) for row in shown]
    if rest:
        seconds, share = sum(row.seconds for row in rest), sum(row.share for row in rest)
        cells.append((f'{share:.1%}', f'{seconds:.2f}', '', '', f'({len(rest)} more)', ''))
    return cells


def _row_cells(row: ProfileRow) -> tuple[str, ...]:
    step = row.step or '(the whole stage)'
    return f'{row.share:.1%}', f'{row.seconds:.2f}', str(row.stage), row.part, step, row.line
