"""What runs in the process of one contender.

The protocol, which the peers' programs follow as well: the process prints ``ready`` when everything is imported and the
input is at hand; it runs when it reads a line, and prints ``done``; then it prints a line of JSON with its ``result``
and ``memory``, and ends when it reads another line.
"""

from __future__ import annotations

import json
import resource
import sys
import time
from collections.abc import Callable
from typing import Any

from benchmarks.numbers import Answer


def answer(run: Callable[[], Any], report: Callable[[Any], dict[str, Any]]) -> None:
    """Follows the protocol.

    Args:
      run: what is measured.
      report: makes the answer from what ``run`` returned; not measured. The peak memory of this process is added.
    """
    print('ready', flush=True)
    sys.stdin.readline()
    outcome = run()
    print('done', flush=True)
    memory = _peak()
    print(json.dumps({**report(outcome), 'memory': memory}), flush=True)
    sys.stdin.readline()


def measured(run: Callable[[], Any]) -> dict[str, Any]:
    """Runs a function and says what that took, more precisely than can be seen from outside.

    Returns:
      ``result`` as text; ``wall`` in seconds; ``cpu`` in seconds, of this process and of the children that it waited
      for; ``numbers`` that it measured itself.
    """
    cpu, wall = _cpu(), time.perf_counter()
    result = run()
    numbers = dict(result.numbers) if isinstance(result, Answer) else {}
    return {'wall': time.perf_counter() - wall, 'cpu': _cpu() - cpu, 'result': str(result), 'numbers': numbers}


def _cpu() -> float:
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)


def _peak() -> float:
    """The peak memory of this process, in MiB."""
    # On Linux ``ru_maxrss`` begins with what the process had that started this one; ``VmHWM`` does not.
    try:
        with open('/proc/self/status', encoding='ascii') as status:
            return next(int(line.split()[1]) / 1024 for line in status if line.startswith('VmHWM'))
    except OSError:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1 << 20 if sys.platform == 'darwin' else 1 << 10)


def main(workload: str, contender: str, scale: str) -> None:
    """Runs one contender of a workload. The contender ``prepare`` only makes the input."""
    from benchmarks.workloads import workloads
    from benchmarks.workloads.common import warm_up

    chosen = workloads(float(scale))[workload]
    given = chosen.prepare()
    if contender == 'prepare':
        return
    run = chosen.contenders[contender]
    warm_up()
    if hasattr(run, 'warm'):
        run.warm()
        # The workers' CPU time is seen from outside only.
        answer(lambda: measured(lambda: run(given)), lambda taken: {**taken, 'cpu': None})
    else:
        answer(lambda: measured(lambda: run(given)), dict)


if __name__ == '__main__':
    main(*sys.argv[1:])
