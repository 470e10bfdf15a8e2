"""The jobs, and their inputs. ``by_hand.py`` says best what each is."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import attrs

from benchmarks import data


@attrs.frozen
class Job:
    """A job.

    Attributes:
      name: what the programs call it.
      title: what it is.
      unit: what its throughput counts.
      amount: how many of them there are.
      inputs: makes the input files, or finds them.
    """

    name: str
    title: str
    unit: str
    amount: float
    inputs: Callable[[], list[Path]]


def _csv(name: str, lines: Callable[[], Iterator[str]]) -> Path:
    return data.text_file(f'peers-{name}', lambda: (f'{line}\n' for line in lines()))


def _events(count: int) -> Iterator[str]:
    """User, value, second."""
    pairs, times = data.keyed_events(count)
    for (user, value), second in zip(pairs, times):
        yield f'{user},{value},{second}'


def _rows(count: int, keys: int, seed: int) -> Iterator[str]:
    return (f'{key},{value}' for key, value in data.rows(count, keys, seed))


def jobs(scale: float = 1) -> list[Job]:
    """All jobs.

    Args:
      scale: the size of their inputs, in that which is reported.
    """
    megabytes, count = 100 * scale, int(1e6 * scale)

    def made(name: str, lines: Callable[[], Iterator[str]]) -> list[Path]:
        return [_csv(f'{name}-{count}.csv', lines)]

    return [
        Job('wordcount', f'wordcount of {megabytes:g} MB of text', 'MB', megabytes,
            lambda: [data.words_file(megabytes)]),
        Job('chain', 'five maps and filters and a sum over 1 million integers', 'M', count / 1e6,
            lambda: made('numbers', lambda: map(str, range(count)))),
        Job('windows', 'sum per key and 10 s window over 1 million events, 10,000 keys', 'M', count / 1e6,
            lambda: made('events', lambda: _events(count))),
        Job('join', 'join of 500,000 rows with 500,000, 250,000 keys, and a sum for each key', 'M', count / 1e6,
            lambda: [path for seed in (1, 2)
                     for path in made(f'rows{seed}', lambda seed=seed: _rows(count // 2, count // 4, seed))]),
        Job('top', 'the 10 largest of each of 10,000 keys, of 1 million numbers', 'M', count / 1e6,
            lambda: made('scores', lambda: _scores(count, max(1, count // 100)))),
        Job('skew', "the median of each of 100,000 keys drawn by Zipf's law (1.2), of 1 million numbers", 'M',
            count / 1e6, lambda: made('skew', lambda: _skewed(count, max(1, count // 10)))),
    ]


def _scores(count: int, keys: int) -> Iterator[str]:
    # Multiplication by an odd number permutes the numbers below a power of two: all scores differ.
    return (f'{key},{number * 2_654_435_761 % (1 << 32)}' for key, number in data.rows(count, keys, 5))


def _skewed(count: int, keys: int) -> Iterator[str]:
    return (f'{key},{number * 2_654_435_761 % (1 << 32)}' for key, number in data.skewed_rows(count, keys))
