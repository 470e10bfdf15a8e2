"""What a runner is to the SDK, how it is found by name, and what a run gives back."""

from __future__ import annotations

import importlib
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from bourne.errors import OptionsError, PipelineError
from bourne.sdk.graph.graph import Graph
from bourne.sdk.metrics import MetricResults

if TYPE_CHECKING:
    from bourne.sdk.model.profile import Profile
    from bourne.sdk.model.status import StreamStatus
    from bourne.sdk.options import PipelineOptions

#: The runners that come with bourne. Others register an entry point in the group ``bourne.runners``.
BUILTIN = {'dask': 'bourne.runners.dask:DaskRunner', 'local': 'bourne.runners.local:LocalRunner'}
ENTRY_POINTS = 'bourne.runners'


class PipelineState:
    """The states of a run."""

    UNKNOWN = 'UNKNOWN'
    STARTING = 'STARTING'
    RUNNING = 'RUNNING'
    DONE = 'DONE'
    FAILED = 'FAILED'
    CANCELLED = 'CANCELLED'

    @classmethod
    def is_terminal(cls, state: str) -> bool:
        """True if a run in that state never leaves it."""
        return state in (cls.DONE, cls.FAILED, cls.CANCELLED)


class JobStatus(NamedTuple):
    """How a detached run stands.

    Attributes:
      job: its id.
      name: what people call it: ``--job_name``, or else what it was made of.
      state: one of :class:`PipelineState`.
      started: when it was handed over, in seconds since the epoch.
      ended: when it ended; ``None`` if it has not.
      stage: the name of the stage that runs, ``''`` before the first one.
      number: which stage that is, from 1.
      total: how many there are.
      elements: how many elements went into the stage.
      share: which part of the stage is done; ``None`` if that is not known.
      attempt: how often it was begun, because the process that drove it was lost.
      cancelled: somebody has asked for it to end.
      problem: why it cannot have ended well, if not because of an exception.
    """

    job: str
    name: str
    state: str
    started: float
    ended: float | None = None
    stage: str = ''
    number: int = 0
    total: int = 0
    elements: int = 0
    share: float | None = None
    attempt: int = 0
    cancelled: bool = False
    problem: str = ''


class PipelineResult(ABC):
    """A run: its state, and its metrics.

    Attributes:
      detached: it goes on without this process; the end of a pipeline's ``with`` block does not wait for it.
    """

    detached: bool = False

    @property
    @abstractmethod
    def state(self) -> str:
        """One of :class:`PipelineState`."""

    @abstractmethod
    def wait_until_finish(self, duration: float | None = None) -> str:
        """Blocks until the run has ended, at most ``duration`` milliseconds.

        Returns:
          The state.

        Raises:
          Exception: what made the run fail, with its own type and traceback.
        """

    @abstractmethod
    def cancel(self) -> str:
        """Ends the run as soon as possible; what it has not committed is not written. Returns the state."""

    def drain(self) -> str:
        """Has the sources of a stream stop where they stand; everything that waits is emitted and committed.

        Returns:
          The state; :meth:`wait_until_finish` waits for the end.

        Raises:
          PipelineError: if this is no stream.
        """
        raise PipelineError(f'{self!r} is a batch run: it ends by itself, and cannot be drained. Only a stream can: '
                            f'one of unbounded data, or of any data with --streaming')

    def status(self) -> StreamStatus | None:
        """How a stream stands: for each stage its watermarks and what holds them, counts, state and backlog.

        Returns:
          How it stood at the end of an epoch; ``None`` if the run ended before its first epoch.

        Raises:
          PipelineError: if this is no stream.
        """
        raise PipelineError(f'{self!r} is a batch run, which has no watermarks to show; metrics() counts its elements. '
                            f'Only a stream has a status: one of unbounded data, or of any data with --streaming')

    @abstractmethod
    def metrics(self) -> MetricResults:
        """The run's metrics; final once it has ended."""

    def profile(self) -> Profile | None:
        """Where the run's time went, if it was run with ``--profile`` by a runner that can tell; else ``None``."""
        return None


class PipelineRunner(ABC):
    """Runs graphs. A third party registers its own as an entry point in the group ``bourne.runners``."""

    @abstractmethod
    def run(self, graph: Graph, options: PipelineOptions) -> PipelineResult:
        """Starts to run a graph.

        Raises:
          bourne.errors.UnsupportedError: before anything runs, naming all that this runner cannot do.
        """

    def explain(self, graph: Graph, options: PipelineOptions) -> str:
        """What there is to tell about how a graph would run here, beside the plan; ``''`` for nothing."""
        return ''

    def jobs(self, options: PipelineOptions) -> Sequence[JobStatus]:
        """The detached runs that are known where the options say, the oldest first.

        Raises:
          PipelineError: if this runner has none.
        """
        raise PipelineError(f'{type(self).__name__} has no detached runs; --runner=dask has, with --detach')

    def job(self, job: str, options: PipelineOptions) -> PipelineResult:
        """The detached run of that id.

        Raises:
          OptionsError: if it is not known where the options say.
          PipelineError: if this runner has no detached runs.
        """
        raise PipelineError(f'{type(self).__name__} has no detached runs; --runner=dask has, with --detach')


def find_runner(name: str) -> PipelineRunner:
    """The runner of that name.

    Raises:
      OptionsError: if none is installed; lists those that are.
    """
    target = BUILTIN.get(name)
    if target is not None:
        module, _, attribute = target.partition(':')
        made = getattr(importlib.import_module(module), attribute)()
        assert isinstance(made, PipelineRunner)
        return made
    from importlib.metadata import entry_points

    found = {entry.name: entry for entry in entry_points(group=ENTRY_POINTS)}
    if name not in found:
        raise OptionsError(f'there is no runner {name!r}; installed: {", ".join(sorted({*found, *BUILTIN}))}')
    runner: Any = found[name].load()()
    if not isinstance(runner, PipelineRunner):
        raise OptionsError(f'the entry point {found[name].value} for the runner {name!r} is not a PipelineRunner')
    return runner
