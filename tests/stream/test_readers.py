"""The readers of one source in a host: turns, limits, watermarks, and when to look again."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from bourne.engine.stream.readers import Readers
from bourne.errors import SourceError
from bourne.sdk.model.source import POLL_MICROS, Idle, Reader, Records, Source
from bourne.sdk.model.timestamp import MAX_MICROS, MIN_MICROS


class Script(Reader[Any]):
    """Answers polls by a list of (elements, watermark); ``None`` in the place of elements is the end."""

    def __init__(self, name: str, answers: Sequence[tuple[Any, int]], idle: Idle, log: list[Any]) -> None:
        self.name, self.answers, self.rest, self.log = name, list(answers), idle, log
        self._watermark = MIN_MICROS

    def poll(self, max_records: int = 0, max_bytes: int = 0) -> Records[Any] | None:
        values, self._watermark = self.answers.pop(0)
        self.log.append((self.name, self.now, max_records))
        return None if values is None else Records(list(values))

    @property
    def position(self) -> int:
        return -len(self.answers)

    @property
    def watermark(self) -> int:
        return self._watermark

    def idle(self) -> Idle:
        return self.rest

    def close(self) -> None:
        self.log.append((self.name, 'closed'))


class Scripts(Source[Any]):
    """A split for each script."""

    def __init__(self, scripts: dict[str, Sequence[tuple[Any, int]]], idle: Idle | None = None) -> None:
        self.scripts, self.rest, self.log = scripts, idle or Idle(), []

    def splits(self, desired: int = 1) -> list[str]:
        return list(self.scripts)

    def open(self, split: str, position: Any = None) -> Script:
        self.log.append((split, 'opened'))
        return Script(split, self.scripts[split], self.rest, self.log)


def readers(source: Scripts, limit: int | None = None) -> Readers:
    return Readers(source, [(split, None) for split in source.splits()], lambda action, *args: action(*args), limit)


def poll(one: Readers, now: int = 0) -> tuple[list[tuple[int, list[Any]]], list[int]]:
    ended: list[int] = []
    return [(polled.split, polled.bundle.values) for polled in one.poll(now, ended.append)], ended


def test_each_split_is_polled_once_an_epoch_and_the_least_watermark_counts() -> None:
    source = Scripts({'a': [([1], 10), ([2], 30), (None, 0)], 'b': [([3], 20), ([], 25), (None, 0)]})
    one = readers(source)
    assert one.watermark == MIN_MICROS
    assert poll(one, 7) == ([(0, [1]), (1, [3])], [])
    assert (one.watermark, one.slowest()) == (10, 'a')
    assert poll(one) == ([(0, [2])], [])
    assert (one.watermark, one.slowest()) == (25, 'b')
    assert not one.ended
    assert poll(one) == ([], [0, 1])
    assert one.ended
    assert (one.watermark, one.slowest()) == (MAX_MICROS, None)
    assert next(entry for entry in source.log if len(entry) == 3) == ('a', 7, 16_384)
    assert [entry for entry in source.log if entry[1] == 'closed'] == [('a', 'closed'), ('b', 'closed')]


def test_the_limit_is_for_all_and_those_who_had_no_turn_are_next() -> None:
    source = Scripts({name: [([name] * 3, 0)] * 3 for name in 'abc'})
    one = readers(source, limit=4)
    assert [values[0] for _, values in poll(one)[0]] == ['a', 'b']
    assert one.watermark == MIN_MICROS, 'c was not even opened'
    assert ('c', 'opened') not in source.log
    assert one.busy
    assert [values[0] for _, values in poll(one)[0]] == ['c', 'a']


def test_it_is_busy_as_long_as_somebody_gives_something() -> None:
    one = readers(Scripts({'a': [([1], 0), ([], 0)], 'b': [([], 0), ([], 0)]}))
    assert one.busy, 'nobody was asked yet'
    poll(one)
    assert one.busy
    poll(one)
    assert not one.busy


@pytest.mark.parametrize(('idle', 'due', 'filenos'), [
    (Idle(), 100 + POLL_MICROS, []),
    (Idle(until=500), 500, []),
    (Idle(fileno=3), None, [3]),
    (Idle(until=500, fileno=3), 500, [3]),
])
def test_when_to_look_again(idle: Idle, due: int | None, filenos: list[int]) -> None:
    one = readers(Scripts({'a': [([], 0)]}, idle))
    poll(one, 100)
    assert (one.due(100), one.filenos()) == (due, filenos)


def test_a_watermark_that_goes_back_is_an_error() -> None:
    one = readers(Scripts({'a': [([1], 10), ([1], 9)]}))
    poll(one)
    with pytest.raises(SourceError, match=r"the watermark of the split 'a' went back from 10 to 9 \(microseconds\)"):
        poll(one)


def test_to_stop_ends_all_splits_where_they_stand() -> None:
    source = Scripts({'a': [([1], 10)], 'b': []})
    one = readers(source, limit=1)
    poll(one)
    ended: list[int] = []
    one.stop(ended.append)
    assert sorted(ended) == [0, 1]
    assert (one.ended, one.busy, one.watermark, poll(one)) == (True, False, MAX_MICROS, ([], []))
    assert ('a', 'closed') in source.log


def test_no_splits_have_ended_from_the_start() -> None:
    one = readers(Scripts({}))
    assert (one.ended, one.watermark, one.slowest(), poll(one)) == (True, MAX_MICROS, None, ([], []))
