"""Pipeline options: what a user sets from the command line, by keyword, or on a view.

``PipelineOptions`` and how it works stand in ``options_base.py``, options that are only carried along in
``options_carried.py``; everything is imported from here.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar, Token
from typing import Any, ClassVar, ParamSpec, TypeVar

from bourne.errors import OptionsError
from bourne.sdk.options_base import OptionsWarning, PipelineOptions
from bourne.sdk.options_carried import (
    DirectOptions,
    GoogleCloudOptions,
    PortableOptions,
    ProfilingOptions,
    SetupOptions,
    StreamingOptions,
    WorkerOptions,
    lookup,
)
from bourne.sdk.sizes import parse_size

__all__ = [
    'PipelineOptions', 'OptionsContext', 'OptionsWarning',
    'StandardOptions', 'LocalOptions', 'DaskOptions', 'TestOptions', 'TypeOptions', 'DebugOptions', 'SetupOptions',
    'ProfilingOptions', 'WorkerOptions', 'DirectOptions', 'GoogleCloudOptions', 'PortableOptions', 'StreamingOptions',
    'get_pipeline_options', 'scoped_pipeline_options', 'runner_name',
]

P = ParamSpec('P')
R = TypeVar('R')


class StandardOptions(PipelineOptions):
    """Options of every pipeline."""

    runner: str
    streaming: bool
    job_name: str | None
    resource_hints: list[str]
    auto_unique_labels: bool
    no_wait_until_finish: bool

    @classmethod
    def _add_argparse_args(cls, parser: Any) -> None:
        parser.add_argument('--runner', default='local',
                            help="where the pipeline runs: 'local', or the name of another installed runner")
        parser.add_argument('--streaming', action='store_true',
                            help='run bounded data as a stream, too; a pipeline with unbounded data is one anyway')
        parser.add_argument('--job_name', help='a name for the run, to find it by')
        parser.add_argument('--resource_hint', '--resource_hints', dest='resource_hints', action='append',
                            default=[], help='name=value: what every transform needs, such as min_ram=4GB')
        parser.add_argument('--auto_unique_labels', action='store_true',
                            help='number transforms that have the same label instead of refusing them')
        parser.add_argument('--no_wait_until_finish', action='store_true',
                            help='leave a pipeline\'s "with" block before the pipeline has finished')


class LocalOptions(PipelineOptions):
    """Options of the local runner."""

    _no_effect: ClassVar[Mapping[str, str]] = {
    }

    #: None: as the runner likes it.
    workers: int | None
    #: Bytes, or None: half of the machine's memory.
    memory_budget: int | None
    temp_dir: str | None
    start_method: str | None
    #: Elements, or None: chosen by the runner.
    bundle_size: int | None
    profile: bool
    status: bool

    @classmethod
    def _add_argparse_args(cls, parser: Any) -> None:
        parser.add_argument('--workers', type=_whole_number,
                            help='worker processes; 0: one for each core; 1, the default of the local runner: just the '
                                 'calling process')
        parser.add_argument('--memory_budget', type=_size,
                            help='how much memory data between stages and groups may take before they go to disk, '
                                 "such as 4GB, beside some 50 MB for each process; by default half of the machine's")
        parser.add_argument('--temp_dir', help='where data is kept that goes to disk, and what moves between worker '
                                                "processes; by default the system's place for temporary files")
        parser.add_argument('--start_method', choices=('fork', 'spawn'),
                            help='how worker processes are started; by default fork where the system has it')
        parser.add_argument('--bundle_size', type=_positive_number,
                            help='the most elements in a bundle; by default it follows from what they cost')
        parser.add_argument('--profile', action='store_true',
                            help='show at the end which transform took the time')
        parser.add_argument('--status', action='store_true',
                            help='show how a stream stands while it runs: watermarks, what holds them, rates, state')


class DaskOptions(PipelineOptions):
    """Options of the Dask runner.

    It takes ``--workers``, ``--temp_dir``, ``--bundle_size``, ``--memory_budget`` and ``--requirements_file``, too.
    """

    _no_effect: ClassVar[Mapping[str, str]] = {
        'dask_client_name': "Dask's own configuration has it: DASK_CLIENT_NAME",
        'dask_connection_limit': "it stays Dask's own",
        'dask_npartitions': 'the number of tasks follows from the size of the data',
        'dask_partition_size': 'the number of tasks follows from the size of the data',
    }

    dask_scheduler: str | None
    dask_connection_timeout: int
    threads_per_worker: int
    #: Bytes, or None: an equal share of the machine's memory.
    memory_limit: int | None
    adapt: tuple[int, int] | None
    exchange: str
    #: Bytes, or None: 64 MiB, or an eighth of a worker's memory if that is less.
    task_size: int | None
    retries: int
    upload: list[str]
    same_version: list[str]
    detach: bool

    @classmethod
    def _add_argparse_args(cls, parser: Any) -> None:
        parser.add_argument('--dask_scheduler', '--dask_client_address', '--dask_scheduler_file',
                            dest='dask_scheduler',
                            help='the address of a running Dask scheduler, such as tcp://host:8786, or the path of '
                                 "its scheduler file; by default that of Dask's configuration "
                                 '(DASK_SCHEDULER_ADDRESS), else a cluster is started on this machine, for the run')
        parser.add_argument('--dask_connection_timeout', type=_positive_number, default=5,
                            help='how many seconds the scheduler has to answer')
        parser.add_argument('--threads_per_worker', type=_positive_number, default=1,
                            help='threads of each worker process of a cluster that is started for the run')
        parser.add_argument('--memory_limit', type=_size,
                            help='how much memory each of these workers may take, such as 4GB; by default an equal '
                                 "share of the machine's")
        parser.add_argument('--adapt', type=_range,
                            help='least:most, as in 1:8: that cluster, or the one that the runner was given, grows '
                                 'and shrinks with the work')
        parser.add_argument('--exchange', choices=('auto', 'p2p', 'tasks'), default='auto',
                            help="how elements come to the tasks that group them: by Dask's P2P shuffle, by plain "
                                 'tasks, or by whichever suits their size')
        parser.add_argument('--task_size', type=_positive_size,
                            help='about how much data a task takes, such as 16MB: the less, the more tasks; by default '
                                 "64MiB, or an eighth of a worker's memory if that is less")
        parser.add_argument('--retries', type=_whole_number, default=0,
                            help='how often a task whose function failed is run again; those of lost workers are '
                                 'always run again')
        parser.add_argument('--upload', action='append', default=[],
                            help='a module, package directory, egg or zip file that is sent to the workers; modules '
                                 'of your own that are not installed travel with the functions even without this')
        parser.add_argument('--same_version', action='append', default=[],
                            help='a package that must have the same version here and on the cluster')
        parser.add_argument('--detach', action='store_true',
                            help='hand the run to the cluster and go; `bourne status`, `wait` and `cancel` find it '
                                 'again')
        parser.add_argument('--dask_client_name')
        parser.add_argument('--dask_connection_limit', type=int)
        parser.add_argument('--dask_npartitions', type=int)
        parser.add_argument('--dask_partition_size', type=int)


class TestOptions(PipelineOptions):
    """Options of tests."""

    # Not a test, whatever pytest thinks of the name.
    __test__ = False

    _no_effect: ClassVar[Mapping[str, str]] = {
        'on_success_matcher': 'use assert_that in the pipeline',
        'dry_run': "use 'bourne explain' to see a pipeline without running it",
        'wait_until_finish_duration': 'TestPipeline(timeout=...) limits how long a test waits',
    }

    #: A stream leaps over the time in which nothing happens; see bourne.sdk.model.clock.VirtualClock.
    virtual_clock: bool

    @classmethod
    def _add_argparse_args(cls, parser: Any) -> None:
        parser.add_argument('--virtual_clock', action='store_true',
                            help='processing time is not that of the machine: it begins at 0, and while there is '
                                 'nothing to do it leaps to the next instant at which there is')
        parser.add_argument('--on_success_matcher')
        parser.add_argument('--dry_run', action='store_true')
        parser.add_argument('--wait_until_finish_duration', type=int)


class TypeOptions(PipelineOptions):
    """Options of type checks and of what is refused as unsafe."""

    _no_effect: ClassVar[Mapping[str, str]] = {
        'type_check_additional': 'there are no checks that have to be switched on one by one',
        'disable_beartype': 'beartype is not used',
        'type_check_strictness': 'in this version transforms without type hints are always accepted',
        'performance_runtime_type_check': 'use --runtime_type_check',
        'allow_non_deterministic_key_coders': 'keys without a deterministic encoding are always refused',
    }

    type_check_strictness: str
    pipeline_type_check: bool
    runtime_type_check: bool
    performance_runtime_type_check: bool
    allow_non_deterministic_key_coders: bool
    allow_unsafe_triggers: bool

    @classmethod
    def _add_argparse_args(cls, parser: Any) -> None:
        parser.add_argument('--type_check_strictness', default='DEFAULT_TO_ANY',
                            choices=['ALL_REQUIRED', 'DEFAULT_TO_ANY'],
                            help='ALL_REQUIRED: every transform must have type hints')
        parser.add_argument('--type_check_additional', default='')
        parser.add_argument('--disable_beartype', action='store_true')
        parser.add_argument('--no_pipeline_type_check', dest='pipeline_type_check', action='store_false',
                            help='do not check type hints while the pipeline is built')
        parser.add_argument('--runtime_type_check', action='store_true',
                            help='check every element against the type hints')
        parser.add_argument('--performance_runtime_type_check', action='store_true',
                            help='check a sample of the elements against the type hints')
        parser.add_argument('--allow_non_deterministic_key_coders', action='store_true',
                            help='group by keys whose encoding may differ between processes')
        parser.add_argument('--allow_unsafe_triggers', action='store_true',
                            help='accept triggers that may finish and lose what comes later')


class DebugOptions(PipelineOptions):
    """Experiments, and options for looking into a run."""

    _no_effect: ClassVar[Mapping[str, str]] = {
        'experiments': 'there are none; a program can look up its own',
        'dataflow_job_file': "use 'bourne explain' to see a pipeline",
        'number_of_worker_harness_threads': 'a process runs one bundle at a time',
    }

    experiments: list[str] | None

    @classmethod
    def _add_argparse_args(cls, parser: Any) -> None:
        parser.add_argument('--experiment', '--experiments', dest='experiments', action='comma_list',
                            help='names, or name=value, separated by commas')
        parser.add_argument('--dataflow_job_file')
        parser.add_argument('--number_of_worker_harness_threads', type=int)

    def add_experiment(self, experiment: str) -> None:
        """Adds an experiment (``'name'`` or ``'name=value'``) unless it is there."""
        if self.experiments is None:
            self.experiments = []
        if experiment not in self.experiments:
            self.experiments.append(experiment)

    def lookup_experiment(self, key: str, default: Any = None) -> Any:
        """The value of the experiment ``key=value``, True if ``key`` is there alone, else ``default``."""
        return lookup(self.experiments, key, default)


def _named(name: str) -> Callable[[Callable[[str], R]], Callable[[str], R]]:
    """Names a conversion as argparse's message shall call the value: ``invalid <name> value``."""

    def rename(convert: Callable[[str], R]) -> Callable[[str], R]:
        convert.__name__ = name
        return convert

    return rename


@_named('whole number')
def _whole_number(text: str) -> int:
    if int(text) < 0:
        raise ValueError(text)
    return int(text)


@_named('positive number')
def _positive_number(text: str) -> int:
    if int(text) < 1:
        raise ValueError(text)
    return int(text)


@_named('range (such as 1:8)')
def _range(text: str) -> tuple[int, int]:
    least, most = map(int, text.split(':'))
    if not 0 <= least <= most or not most:
        raise ValueError(text)
    return least, most


@_named('size (such as 512MiB or 4GB)')
def _size(text: str) -> int:
    return parse_size(text)


@_named('size above 0 (such as 16MB)')
def _positive_size(text: str) -> int:
    size = parse_size(text)
    if not size:
        raise ValueError(text)
    return size


#: Beam's runners that run a pipeline in the calling process: here that is one runner.
_LOCAL = frozenset({
    'local', 'direct', 'bundlebaseddirect', 'switchingdirect', 'testdirect', 'inprocess', 'inprocesspipeline',
    'fnapi', 'prism', 'interactive',
})


def runner_name(options: PipelineOptions | str | None = None) -> str:
    """The name under which a runner is registered (entry point ``bourne.runners``).

    Args:
      options: options, or the name of a runner as it is written in Beam's programs: ``DirectRunner``,
        ``direct``, or the path of a class. None is the default.

    Returns:
      ``'local'`` for Beam's runners that run in the calling process, else the name in lower case without
      ``runner`` at its end (``DaskRunner`` is ``dask``, also by Beam's path). The path of any other class stays as
      it is.

    Raises:
      OptionsError: if the runner is not given by name.
    """
    name = options.view_as(StandardOptions).runner if isinstance(options, PipelineOptions) else options
    if name is None:
        return 'local'
    if not isinstance(name, str):
        raise OptionsError(f"the option 'runner' must be a name, got {name!r} ({type(name).__name__})")
    short = name.rpartition('.')[2].lower().removesuffix('runner')
    if short in _LOCAL or not short:
        return 'local'
    return name if '.' in name and not name.startswith(('apache_beam.', 'bourne.')) else short


_current: ContextVar[PipelineOptions | None] = ContextVar('pipeline_options', default=None)
_overrides: ContextVar[tuple[Mapping[str, Any], ...]] = ContextVar('options_overrides', default=())


def get_pipeline_options() -> PipelineOptions | None:
    """The options of the pipeline that is being built or run in this context, or None."""
    return _current.get()


@contextmanager
def scoped_pipeline_options(options: PipelineOptions | None) -> Iterator[None]:
    """Makes ``options`` those that :func:`get_pipeline_options` returns inside the ``with`` block."""
    token = _current.set(options)
    try:
        yield
    finally:
        _current.reset(token)


class OptionsContext:
    """Sets options for the pipelines that are made inside a ``with`` block, or in a function it decorates.

    Meant for pipelines that a program does not make itself, as in ``[1, 2, 3] | beam.Map(str)``. An inner
    context wins over an outer one.

    Args:
      options: values by option name.
    """

    def __init__(self, **options: Any) -> None:
        self.options = options
        self._tokens: list[Token[tuple[Mapping[str, Any], ...]]] = []

    def __enter__(self) -> OptionsContext:
        self._tokens.append(_overrides.set((*_overrides.get(), self.options)))
        return self

    def __exit__(self, *exc_info: object) -> None:
        _overrides.reset(self._tokens.pop())

    def __call__(self, function: Callable[P, R]) -> Callable[P, R]:
        @functools.wraps(function)
        def inside(*args: P.args, **kwargs: P.kwargs) -> R:
            with OptionsContext(**self.options):
                return function(*args, **kwargs)

        return inside

    @classmethod
    def augment_options(cls, options: PipelineOptions) -> PipelineOptions:
        """Sets the values of the contexts around on ``options`` and returns it."""
        for override in _overrides.get():
            options._override(override)
        return options
