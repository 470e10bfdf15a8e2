"""Writes events for the streaming examples: of a game, of a web site, of payment cards. The same seed gives the same.

    python examples/events.py
    python examples/events.py --directory=build/events --count=100000 --seed=7

Each line is a JSON object with its event time in seconds. The lines stand in the order in which the events arrive: most
are some seconds late, as networks are, and of the game's one in a hundred comes from a phone that was offline for long.
"""

from __future__ import annotations

import argparse
import json
import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

#: 2026-03-01T09:00:00Z.
START = 1_772_355_600
HOUR = 3600
#: The most that an event is late by, in seconds, unless its phone was offline.
DELAY = 30
#: The most that it is late by then.
OFFLINE = 90 * 60

Event = dict[str, Any]
#: Events, each with the time at which it arrives.
Arrivals = Iterator[tuple[float, Event]]

TEAMS = ('amber', 'blue', 'coral', 'denim', 'ebony', 'fern', 'gold', 'hazel')
PAGES = ('home', 'search', 'item', 'item', 'item', 'reviews', 'basket', 'checkout')


def game(count: int, dice: random.Random) -> Arrivals:
    """Points that users score for their teams, within six hours."""
    for _ in range(count):
        number = min(int(dice.expovariate(1 / 40)), 199)
        time = START + dice.uniform(0, 6 * HOUR)
        delay = dice.uniform(5 * 60, OFFLINE) if dice.random() < 0.01 else _delay(dice)
        yield time + delay, {'user': f'user{number:03}', 'team': TEAMS[number % len(TEAMS)],
                             'points': dice.randint(1, 20), 'time': round(time, 3)}


def clicks(count: int, dice: random.Random) -> Arrivals:
    """Pages that visitors look at: some minutes long, then nothing for an hour or more."""
    made = visitor = 0
    while made < count:
        visitor += 1
        time = START + dice.uniform(0, 3 * HOUR)
        for _ in range(dice.randint(1, 4)):
            for _ in range(min(dice.randint(1, 12), count - made)):
                made += 1
                yield time + _delay(dice), {'visitor': f'visitor{visitor:04}', 'page': dice.choice(PAGES),
                                            'time': round(time, 3)}
                time += dice.uniform(2, 300)
            time += dice.uniform(1, 4) * HOUR


def payments(count: int, dice: random.Random) -> Arrivals:
    """What is paid by cards. Some payments are tiny, and a large one follows: somebody tries a stolen card."""
    made = 0
    while made < count:
        card = f'card{dice.randrange(300):03}'
        time = START + dice.uniform(0, 6 * HOUR)
        amounts = [dice.lognormvariate(3.2, 1)]
        if dice.random() < 0.01:
            amounts = [dice.uniform(0.1, 0.9), dice.uniform(300, 900)]
        for amount in amounts[:count - made]:
            made += 1
            yield time + _delay(dice), {'card': card, 'amount': round(amount, 2), 'time': round(time, 3)}
            time += dice.uniform(10, 15 * 60)


def _delay(dice: random.Random) -> float:
    return min(dice.expovariate(1 / 4), DELAY - 0.001)


STREAMS: dict[str, Callable[[int, random.Random], Arrivals]] = {'game': game, 'clicks': clicks, 'payments': payments}


def write(kind: str, path: Path, count: int, seed: int = 1) -> None:
    """Writes a file of events.

    Args:
      kind: one of ``STREAMS``.
      path: the file; the directories above it are made.
      count: how many events.
      seed: what they follow from.
    """
    arrivals = sorted(STREAMS[kind](count, random.Random(f'{kind} {seed}')), key=lambda arrival: arrival[0])
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(''.join(f'{json.dumps(event)}\n' for _, event in arrivals), encoding='utf-8')


def given_or_written(given: str | None, kind: str, count: int, seed: int = 1) -> str:
    """The files that a user names, or else one that is written now."""
    if given is not None:
        return given
    path = Path('build') / 'events' / f'{kind}-{count}-{seed}.jsonl'
    if not path.exists():
        write(kind, path, count, seed)
    return str(path)


def main(argv: list[str] | None = None) -> None:
    """Writes a file of each kind."""
    parser = argparse.ArgumentParser(description='Writes events for the streaming examples.')
    parser.add_argument('--directory', type=Path, default=Path('build/events'))
    parser.add_argument('--count', type=int, default=20_000, help='how many events of each kind')
    parser.add_argument('--seed', type=int, default=1)
    options = parser.parse_args(argv)
    for kind in STREAMS:
        path = options.directory / f'{kind}.jsonl'
        write(kind, path, options.count, options.seed)
        print(path)


if __name__ == '__main__':
    main()
