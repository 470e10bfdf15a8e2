"""Compares what is installed here, on the scheduler and on the workers, before anything runs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from bourne.errors import UnsupportedError

if TYPE_CHECKING:
    from distributed import Client

#: What must be the same everywhere. Python's own version counts as far as pickled functions depend on it.
PACKAGES = ('bourne', 'dask', 'distributed', 'cloudpickle')
#: Of so many workers it is said by name that they lack something.
SHOWN = 3
#: What was compared last and is the same, for each client: the packages, and the workers.
_checked: WeakKeyDictionary[Any, tuple[tuple[str, ...], frozenset[str]]] = WeakKeyDictionary()


def check_versions(client: Client, named: Iterable[str] = ()) -> None:
    """Compares versions, unless these workers were the last that were compared.

    Args:
      client: a client of the cluster.
      named: more packages that the pipeline needs to be the same.

    Raises:
      UnsupportedError: one message with all differences.
    """
    names = tuple(dict.fromkeys((*PACKAGES, *named)))
    workers = frozenset(client.scheduler_info(n_workers=-1)['workers'])
    if _checked.get(client) == (names, workers):
        return
    problems = []
    look = _looking_up(names)
    own = look()
    for where, found in _asked(client, look).items():
        if isinstance(found, OSError):  # it was lost meanwhile, which has nothing to do with its versions
            continue
        if isinstance(found, BaseException):
            problems.append(f'  - {where} cannot tell: {type(found).__name__}: {found}')
            continue
        problems += [f'  - {where} has {_said(name, found.get(name))}, here is {_said(name, own[name])}'
                     for name in own if found.get(name) != own[name]]
    if problems:
        raise UnsupportedError('\n'.join(['the Dask cluster has other versions than this process:',
                                          *sorted(problems)]))
    _checked[client] = names, workers


def lacking(client: Client, names: Sequence[str]) -> list[str]:
    """What is to be said of packages that are not installed here, on the scheduler or on a worker; else nothing."""
    look = _looking_up(tuple(names))
    found = {'here': look()} | {f'on the {where}': said for where, said in _asked(client, look).items()
                                if not isinstance(said, BaseException)}
    told = []
    for name in names:
        where = [one for one, said in found.items() if said.get(name) is None]
        if where:
            more = f' and in {len(where) - SHOWN:,} more places' if len(where) > SHOWN else ''
            told.append(f'{name} is not installed {", ".join(where[:SHOWN])}{more}')
    return told


def _asked(client: Client, look: Callable[[], dict[str, str | None]]) -> dict[str, Any]:
    """What the scheduler and each worker answer; an exception stands for an answer."""
    answers = client.run_on_scheduler(look), client.run(look, on_error='return')
    return {'scheduler': answers[0]} | {f'worker {address}': found for address, found in answers[1].items()}


def _said(name: str, number: str | None) -> str:
    return f'no {name}' if number is None else f'{name} {number}'


def _looking_up(names: tuple[str, ...]) -> Callable[[], dict[str, str | None]]:
    """A function that tells the versions of Python and of packages where it runs; ``None`` for what is not installed.

    It is pickled by value, as all functions inside of others are: bourne may not be there to be imported.
    """
    def look() -> dict[str, str | None]:
        import sys
        from importlib.metadata import PackageNotFoundError, version

        found: dict[str, str | None] = {'python': '.'.join(map(str, sys.version_info[:2]))}
        for name in names:
            try:
                found[name] = version(name)
            except PackageNotFoundError:
                found[name] = None
        return found

    return look
