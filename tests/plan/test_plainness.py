"""Which functions need no look at their results. A wrong True loses timestamps, so doubt means False."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from bourne.engine.program.plainness import lists_plain, returns_plain
from bourne.sdk.model.window import TimestampedValue


def pair(x: Any) -> Any:
    y = x + 1
    return x, y


def generator(x: Any) -> Iterator[Any]:
    yield x + 1


def early(x: Any) -> Any:
    if x:
        return TimestampedValue(x, 1)
    return (x, 1)


def looped(x: Any) -> Any:
    while x:
        x -= 1
    return x + 1


@pytest.mark.parametrize('fn', [
    lambda x: x + 1, lambda x: (x, 1), lambda x: -x, lambda x: x > 1, lambda x: x in (1, 2), lambda x: x is None,
    lambda x: [x], lambda x: {x: 1}, lambda x: not x, lambda x: f'{x}:{x}', pair])
def test_plain(fn: Callable[..., Any]) -> None:
    assert returns_plain(fn)


@pytest.mark.parametrize('fn', [
    lambda x: TimestampedValue(x, 1), lambda x: x, lambda x: x[0], lambda x: x or (x + 1), lambda x: x and x + 1,
    lambda x: (x, 1) if x else TimestampedValue(x, 1), lambda x: TimestampedValue(x, 1) if x else (x, 1),
    generator, early, looped, str, len, print, 5])
def test_not_certain(fn: Any) -> None:
    assert not returns_plain(fn)


WORDS = re.compile(r'\w+')


class Text(str):
    """May split itself as it likes."""


@pytest.mark.parametrize('fn', [str.split, str.splitlines, bytes.rsplit, 'a b'.split, WORDS.findall, WORDS.split])
def test_lists_of_plain_values(fn: Any) -> None:
    assert lists_plain(fn)


@pytest.mark.parametrize('fn', [
    lambda x: x.split(), re.findall, str.partition, WORDS.finditer, Text.strip, Text('a b').split, list, sorted, 5])
def test_not_surely_a_list_of_them(fn: Any) -> None:
    assert not lists_plain(fn)
