"""How a stream stands, for people: watermarks and what holds them, counts, state, and what is left of each source."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import attrs

from bourne.errors import PipelineError
from bourne.sdk.model.known import short
from bourne.sdk.model.source import Backlog
from bourne.sdk.model.timestamp import MAX_MICROS, MIN_MICROS, Duration, Timestamp

#: The columns of the table, and of :meth:`StreamStatus.rows`.
COLUMNS = ('stage', 'in', 'out', 'lag', 'taken', 'made', 'per second', 'held', 'backlog', 'behind because of')
#: Those of them that are numbers.
NUMBERS = frozenset({'lag', 'taken', 'made', 'per second'})


@attrs.frozen
class SplitStatus:
    """A split of a source that has not ended.

    Attributes:
      split: the split, as the source names it.
      watermark: no element with a smaller timestamp is expected from it.
      backlog: what is left in it, as far as its reader can tell.
    """

    split: Any
    watermark: Timestamp
    backlog: Backlog


@attrs.frozen
class Holder:
    """Why the output watermark of a stage is where it is.

    Attributes:
      kind: one of

        - ``split``: a split of the source that the stage reads has not come further
        - ``data``: the watermark is made from the data, and no later data has come
        - ``held``: something of a key and window will still be emitted with that time
        - ``side input``: elements of a window wait for a side input
        - ``input``: the stage that makes its input is no further
        - ``commit``: what a sink returns is known when all is committed, at the end

      watermark: how far it lets the watermark go.
      transform: the label of the transform that holds it; ``''`` for the kind ``input``.
      window: what is held belongs to it; ``None`` if that has no meaning.
      key: likewise.
      split: the slowest split.
      stage: the stage that is behind, or that is waited for; ``''`` if it is this one.
      waiting: how many elements wait for the side input.
      note: what else there is to say of the split.
    """

    kind: str
    watermark: Timestamp
    transform: str = ''
    window: Any = None
    key: Any = None
    split: Any = None
    stage: str = ''
    waiting: int = 0
    note: str = ''

    def __str__(self) -> str:
        match self.kind:
            case 'split':
                return f'split {short(self.split)} of {self.transform!r}' + (f', {self.note}' if self.note else '')
            case 'data':
                return f'{self.transform!r}, which has seen no later element' if self.watermark.micros > MIN_MICROS \
                    else f'{self.transform!r}, which has seen no element yet'
            case 'held':
                return f'{self.transform!r}: window {short(self.window)}, key {short(self.key)}'
            case 'side input':
                return (f'{self.transform!r}: {self.waiting} elements wait for a side input, the first in window '
                        f'{short(self.window)}')
            case 'commit':
                return f'{self.transform!r}: its results are there when all is committed, at the end or when drained'
        return f'its input from {self.stage!r}'


@attrs.frozen
class StageStatus:
    """A stage of a stream, over all processes.

    Attributes:
      name: its name in the plan.
      transforms: the labels of its transforms.
      reads: it reads a source.
      input_watermark: how far event time has come in what it takes.
      output_watermark: how far in what it makes.
      input_lag: how far the input watermark is behind the processing time; ``None`` at both ends of event time.
      output_lag: likewise.
      holder: why the output watermark is no further; ``None`` at the end of event time.
      taken: how many elements went into it since the start.
      made: how many left it.
      per_second: elements taken in a second of processing time, lately; ``None`` if too little of it has passed.
      state_entries: pairs of a key and a window for which it holds something.
      state_bytes: about how many bytes they take.
      waiting: how many elements wait for side inputs.
      splits: for a stage that reads a source, those that have not ended.
      final: no other stage reads what it makes.
    """

    name: str
    transforms: tuple[str, ...]
    reads: bool
    input_watermark: Timestamp
    output_watermark: Timestamp
    input_lag: Duration | None
    output_lag: Duration | None
    holder: Holder | None
    taken: int
    made: int
    per_second: float | None
    state_entries: int
    state_bytes: int
    waiting: int
    splits: tuple[SplitStatus, ...]
    final: bool = True

    @property
    def backlog(self) -> Backlog:
        """What is left in all splits, as far as all readers can tell."""
        return Backlog(_sum(split.backlog.elements for split in self.splits),
                       _sum(split.backlog.size for split in self.splits)) if self.splits else Backlog()


@attrs.frozen
class StreamStatus:
    """How a stream stood after an epoch. As text it is a table.

    Attributes:
      epoch: the epoch's number.
      now: its processing time.
      stages: the stages, in the order in which they run.
      read: how much of all sources was read, from 0 to 1; ``None`` if one has no end.
    """

    epoch: int
    now: Timestamp
    stages: tuple[StageStatus, ...]
    read: float | None = None

    @property
    def taken(self) -> int:
        """How many elements were read from all sources."""
        return sum(stage.taken for stage in self.stages if stage.reads)

    @property
    def title(self) -> str:
        """The line above the table."""
        read = '' if self.read is None else f', {self.read:.0%} of all data read'
        return f'epoch {self.epoch} at {shown(self.now)}{read}'

    def stage(self, name: str | int) -> StageStatus:
        """A stage by its number from 1, its name, or the label of one of its transforms.

        Raises:
          PipelineError: if there is none.
        """
        for number, stage in enumerate(self.stages, 1):
            if name in (number, stage.name):
                return stage
        found = [stage for stage in self.stages
                 if any(label == name or label.startswith(f'{name}/') for label in stage.transforms)]
        if found:
            return found[-1]
        raise PipelineError(f'there is no stage or transform {name!r} in the stream; the stages are '
                            f'{", ".join(repr(stage.name) for stage in self.stages)}')

    def causes(self, name: str | int) -> list[Holder]:
        """Why the output watermark of a stage is no further, from the stage itself back to what began it.

        Args:
          name: see :meth:`stage`; a composite's label stands for the last of its stages.

        Returns:
          Each reason and the reason for that; empty if the stage has ended.
        """
        return [holder for _, holder in self._chain(self.stage(name))]

    def _chain(self, stage: StageStatus) -> Iterator[tuple[StageStatus, Holder]]:
        seen: set[str] = set()
        while (holder := stage.holder) is not None:
            yield stage, holder
            if not holder.stage or holder.stage in seen:
                return
            seen.add(holder.stage)
            stage = self.stage(holder.stage)

    def why(self, name: str | int) -> str:
        """:meth:`causes` in words, a line for each.

        Raises:
          PipelineError: if there is no such stage.
        """
        stage = self.stage(name)
        lines = [f'the output watermark of {stage.name!r} is at {shown(stage.output_watermark)}'
                 + (f', {_lag(stage.output_lag)} behind' if stage.output_lag is not None else '')]
        lines += [f'  because of {holder}: {shown(holder.watermark)}' for _, holder in self._chain(stage)]
        return '\n'.join(lines)

    def rows(self) -> list[tuple[str, ...]]:
        """The table, a row for each stage; the columns are :data:`COLUMNS`."""
        return [
            (f'{number} {stage.name}', shown(stage.input_watermark), shown(stage.output_watermark),
             _lag(stage.output_lag), f'{stage.taken:,}', f'{stage.made:,}', _rate(stage.per_second), _held(stage),
             _backlog(stage), self._reason(stage))
            for number, stage in enumerate(self.stages, 1)]

    def _reason(self, stage: StageStatus) -> str:
        """The last of the causes: nothing is behind that one."""
        found = list(self._chain(stage))
        if not found:
            return ''
        at, cause = found[-1]
        return str(cause) if at is stage else f'{cause} (stage {self.stages.index(at) + 1})'

    def line(self) -> str:
        """The stream in one line, for logs: the watermark is that of the results that are furthest behind."""
        behind = [stage for stage in self.stages if stage.final and stage.output_watermark.micros < MAX_MICROS]
        parts = [f'epoch {self.epoch}', f'{self.taken:,} elements read']
        if self.read is not None:
            parts.append(f'{self.read:.0%} of all data')
        if behind:
            last = min(behind, key=lambda stage: stage.output_watermark.micros)
            parts.append(f'the watermark is at {shown(last.output_watermark)}'
                         + (f', {_lag(last.output_lag)} behind' if last.output_lag is not None else ''))
            parts.append(f'because of {self._reason(last)}')
        return ', '.join(parts)

    def __str__(self) -> str:
        return f'{self.title}\n' + _table([COLUMNS, *((_clip(row[0], 40), *row[1:]) for row in self.rows())])


def shown(at: Timestamp) -> str:
    """An instant as short text in UTC."""
    if at.micros <= MIN_MICROS:
        return 'start'
    if at.micros >= MAX_MICROS:
        return 'end'
    try:
        text = at.to_utc_datetime().isoformat(' ', 'milliseconds')
    except OverflowError:
        return repr(at)
    return text.removesuffix('.000')


def _lag(lag: Duration | None) -> str:
    if lag is None:
        return ''
    seconds = lag.micros / 1e6
    for size, unit in ((86_400, 'd'), (3_600, 'h'), (60, 'min')):
        if abs(seconds) >= 2 * size:
            return f'{seconds / size:.1f} {unit}'
    return f'{seconds:.1f} s'


def _rate(rate: float | None) -> str:
    return '' if rate is None else f'{rate:,.0f}'


def _held(stage: StageStatus) -> str:
    parts = [f'{stage.state_entries:,} ({_bytes(stage.state_bytes)})'] if stage.state_entries else []
    return ', '.join(parts + ([f'{stage.waiting:,} waiting'] if stage.waiting else []))


def _backlog(stage: StageStatus) -> str:
    left = stage.backlog
    parts = [f'{left.elements:,} elements'] if left.elements is not None else []
    return ', '.join(parts + ([_bytes(left.size)] if left.size is not None else []))


def _bytes(size: float) -> str:
    for unit in ('bytes', 'kB', 'MB'):
        if size < 1000:
            return f'{size:.0f} {unit}' if unit == 'bytes' else f'{size:.1f} {unit}'
        size /= 1000
    return f'{size:.1f} GB'


def _sum(numbers: Iterable[int | None]) -> int | None:
    found = list(numbers)
    known = [number for number in found if number is not None]
    return sum(known) if len(known) == len(found) else None


def _clip(text: str, limit: int) -> str:
    return text if len(text) <= limit else f'{text[:limit - 3]}...'


def _table(rows: Sequence[Sequence[str]]) -> str:
    """Columns side by side, numbers to the right; columns in which nothing stands are left out."""
    used = [place for place in range(len(rows[0])) if any(row[place] for row in rows[1:])]
    widths = {place: max(len(row[place]) for row in rows) for place in used}
    return '\n'.join('  '.join(
        row[place].rjust(widths[place]) if COLUMNS[place] in NUMBERS
        else row[place].ljust(widths[place]) for place in used).rstrip() for row in rows)
