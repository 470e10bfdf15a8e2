"""Resource hints of transforms as what Dask knows: abstract resources of workers, and their memory.

================================  ==========================================================
hint                              a worker satisfies it by
================================  ==========================================================
``min_ram``                       the resource ``MEMORY`` (bytes), or its memory limit
``accelerator``                   the resource ``GPU``, or one with the name of the hint
``cpu_count``                     the resource ``CPU``, or so many threads
``max_active_bundles_per_worker`` so few threads
any other                         the resource with the name of the hint
================================  ==========================================================

(https://distributed.dask.org/en/stable/resources.html)
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Any, NamedTuple

from bourne.engine.memory import readable
from bourne.engine.plan.stage import Op, Plan, Stage
from bourne.errors import UnsupportedError

if TYPE_CHECKING:
    from distributed import Client

Worker = Mapping[str, Any]


class _Need(NamedTuple):
    """What a hint asks of a worker.

    Attributes:
      names: the resources of which one may stand for it.
      amount: how much of it.
      without: whether a worker that declares none of them satisfies it.
      said: the hint, for people.
    """

    names: tuple[str, ...]
    amount: float
    without: Callable[[Worker], bool]
    said: str


def _need(name: str, value: Any) -> _Need:
    match name:
        case 'min_ram':
            return _Need(('MEMORY',), value, lambda worker: not worker['memory_limit'] or
                         worker['memory_limit'] >= value, f'min_ram={readable(value)}')
        case 'cpu_count':
            return _Need(('CPU',), value, lambda worker: worker['nthreads'] >= value, f'cpu_count={value}')
        case 'max_active_bundles_per_worker':
            return _Need((), 1, lambda worker: worker['nthreads'] <= value, f'{name}={value}')
        case 'accelerator':
            kind = str(value).partition(';')[0].removeprefix('type:')
            return _Need((kind, 'GPU'), 1, lambda worker: False, f'accelerator={value}')
    amount = value if isinstance(value, (int, float)) and not isinstance(value, bool) else 1
    return _Need((name,), amount, lambda worker: False, f'{name}={value}')


def _satisfies(worker: Worker, need: _Need) -> bool:
    declared = worker.get('resources') or {}
    named = [name for name in need.names if name in declared]
    return any(declared[name] >= need.amount for name in named) if named else need.without(worker)


def _workers(client: Client) -> dict[str, Worker]:
    found: dict[str, Worker] = client.scheduler_info(n_workers=-1)['workers']
    return found


def _needs(op: Op) -> list[_Need]:
    return [_need(name, value) for name, value in op.hints.items()]


def check(plan: Plan, client: Client) -> Mapping[str, Worker]:
    """Refuses hints that no worker of the cluster satisfies; one that has no workers yet may get any.

    Returns:
      The workers by which that was decided; none if the plan has no hints.

    Raises:
      UnsupportedError: names them, with the transforms.
    """
    workers = _workers(client) if any(op.hints for op in plan.ops) else {}
    if not workers:
        return {}
    problems = [f'  - {op.user_label}{f" ({op.location})" if op.location else ""}: {need.said}'
                for op in plan.ops for need in _needs(op)
                if not any(_satisfies(worker, need) for worker in workers.values())]
    problems = problems or [f'  - {", ".join(op.user_label for op in stage.ops if op.hints)}, which run in one task: '
                            f'{asked(stage)}'
                            for stage in plan.stages if not _able(workers, _stage_needs(stage))]
    if problems:
        offered = sorted({f'{name}={amount:g}' for worker in workers.values()
                          for name, amount in (worker.get('resources') or {}).items()})
        count = 'The only worker declares' if len(workers) == 1 else f'The {len(workers)} workers declare'
        raise UnsupportedError('\n'.join([
            'no worker of the Dask cluster satisfies these resource hints:', *dict.fromkeys(problems),
            f'{count} the resources {", ".join(offered)}.' if offered else
            f'{count} no resources; that is what `dask worker --resources` is for.']))
    return workers


def _stage_needs(stage: Stage) -> list[_Need]:
    return [need for op in stage.ops for need in _needs(op)]


def _able(workers: Mapping[str, Worker], needs: list[_Need]) -> dict[str, Worker]:
    """The workers that satisfy all of it."""
    return {address: worker for address, worker in workers.items() if all(_satisfies(worker, need) for need in needs)}


def asked(stage: Stage) -> str:
    """What the hints of a stage ask of a worker, for people; ``''`` for nothing."""
    return ' and '.join(dict.fromkeys(need.said for need in _stage_needs(stage)))


def restricted(stage: Stage, client: Client, keys: Iterable[Any],
               known: Mapping[str, Worker]) -> AbstractContextManager[Any]:
    """A graph that is sent to Dask inside of the block has a stage's tasks run where its hints are satisfied.

    Dask resources are kept strictly, and nothing else is asked where there are some: a task that must have a resource
    and had better have certain workers breaks the scheduler when those are gone (distributed 2026.8). Else, what one
    has (threads, a memory limit) is followed as long as such a worker is there.

    Args:
      stage: the stage.
      client: a client of the cluster.
      keys: the keys of the stage's own tasks: nothing is asked of those that only bring their input.
      known: the workers that there were at first. By them it is known which resource stands for a hint, should those
        that had it be gone.
    """
    needs = _stage_needs(stage)
    if not needs:
        return nullcontext()
    import dask

    workers = _workers(client)
    able = _able(workers, needs) or _able(known, needs)
    taken: dict[str, float] = {}
    for need in needs:
        declared = {name for worker in able.values() for name in worker.get('resources') or {}}
        name = next((name for name in need.names if name in declared), None)
        if name is not None:
            taken[name] = max(taken.get(name, 0), need.amount)
    # These functions go to the scheduler, where bourne may not be installed: inner ones travel by value.
    wanted = frozenset(keys)
    only = sorted(able) if not taken and 0 < len(able) < len(workers) else []
    made: AbstractContextManager[Any] = dask.annotate(
        resources=lambda key: taken if key in wanted else {}, workers=lambda key: only if key in wanted else [],
        allow_other_workers=not taken)
    return made
