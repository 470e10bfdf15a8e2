"""The commands about detached runs: ``bourne status``, ``bourne wait``, ``bourne cancel``."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from bourne.errors import OptionsError
from bourne.sdk.options import PipelineOptions, runner_name
from bourne.sdk.runner import JobStatus, PipelineResult, PipelineState, find_runner

#: Milliseconds that a job which is cancelled has to end before its state is told.
PATIENCE = 10_000

_WHERE = """\
Which cluster is said as for a pipeline: --dask_scheduler=tcp://host:8786 or a scheduler file, or else by Dask's own
configuration (DASK_SCHEDULER_ADDRESS)."""


def add_commands(commands: Any, formatter: Any, command: Any) -> None:
    """Adds the commands to those of a parser.

    Args:
      commands: argparse's subparsers.
      formatter: of their help.
      command: what is to perform them; ``options.act(options, rest)`` does it, and gives the state to end with.
    """
    for name, act, many, about in (('status', status, '?', 'show how detached runs stand, or one of them'),
                                   ('wait', wait, None, 'wait until a detached run has ended; show its progress'),
                                   ('cancel', cancel, None, 'end a detached run')):
        parser = commands.add_parser(name, allow_abbrev=False, formatter_class=formatter, help=about,
                                     description=f'{about[0].upper()}{about[1:]}.\n\n{_WHERE}')
        parser.add_argument('job', metavar='JOB', nargs=many, help='the id that the run was given')
        parser.add_argument('--runner', metavar='NAME', default='dask', help='the runner that has it; by default dask')
        parser.set_defaults(command=command, act=act)


def _options(options: Any, rest: Sequence[str]) -> PipelineOptions:
    unexpected = [argument for argument in rest if not argument.startswith('-')]
    if unexpected and not rest[0].startswith('-'):
        raise OptionsError(f'one job at a time, got {unexpected[0]!r} as well')
    made = PipelineOptions([*rest, f'--runner={options.runner}'])
    made.check()
    return made


def status(options: Any, rest: Sequence[str]) -> str:
    """Prints how a job stands, or a line for each."""
    where = _options(options, rest)
    runner = find_runner(runner_name(where))
    jobs = runner.jobs(where)
    if options.job is None:
        print('\n'.join(_table(jobs)))
        return PipelineState.DONE
    found = [job for job in jobs if job.job == options.job]
    if not found:
        runner.job(options.job, where)  # says what is wrong
    print('\n'.join(_details(found[0])))
    return PipelineState.DONE


def wait(options: Any, rest: Sequence[str]) -> str:
    """Waits for a job; raises what made it fail."""
    state = _job(options, rest).wait_until_finish()
    print(f'{options.job}: {state}')
    return state


def cancel(options: Any, rest: Sequence[str]) -> str:
    """Ends a job, and waits for that a little."""
    job = _job(options, rest)
    state = job.cancel()
    if not PipelineState.is_terminal(state):
        try:
            state = job.wait_until_finish(PATIENCE)
        except Exception:  # it failed in the meantime, which `bourne wait` tells about
            state = job.state
    ends = '' if PipelineState.is_terminal(state) else ', and will end at its next bundle'
    print(f'{options.job}: {state}{ends}')
    return PipelineState.DONE


def _job(options: Any, rest: Sequence[str]) -> PipelineResult:
    where = _options(options, rest)
    return find_runner(runner_name(where)).job(options.job, where)


def _table(jobs: Sequence[JobStatus]) -> list[str]:
    if not jobs:
        return ['no jobs']
    rows = [('job', 'state', 'started', 'name', 'stage', 'elements'),
            *((job.job, _state(job), _time(job.started), job.name, _stage(job), f'{job.elements:,}') for job in jobs)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return ['  '.join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]


def _details(job: JobStatus) -> list[str]:
    lines = {'job': job.job, 'name': job.name, 'state': _state(job), 'started': _time(job.started),
             'ended': _time(job.ended) if job.ended is not None else '', 'stage': _stage(job),
             'elements': f'{job.elements:,}' if job.number else '',
             'attempts': str(job.attempt) if job.attempt > 1 else '', 'problem': job.problem}
    return [f'{name:9} {value}' for name, value in lines.items() if value]


def _state(job: JobStatus) -> str:
    ending = job.cancelled and not PipelineState.is_terminal(job.state)
    return f'{job.state}, is being cancelled' if ending else job.state


def _time(seconds: float) -> str:
    return datetime.fromtimestamp(seconds).astimezone().isoformat(' ', 'seconds')


def _stage(job: JobStatus) -> str:
    if not job.number:
        return ''
    share = f', {job.share:.0%}' if job.share is not None else ''
    return f'{job.number} of {job.total}: {job.stage}{share}'
