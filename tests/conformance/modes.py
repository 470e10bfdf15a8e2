"""Where the conformance cases run: every runner, and every way in which it may run a pipeline."""

from __future__ import annotations

from collections.abc import Callable

import attrs

from bourne.engine.plan.compile import OPTIONAL
from bourne.runners.local import LocalRunner
from bourne.sdk.runner import PipelineRunner
from tests.clusters import shared_runner
from tests.conformance.case import Case
from tests.fresh import FreshRunner
from tests.killing import KillingRunner
from tests.picking import PickingRunner
from tests.reference import ReferenceRunner
from tests.runners import EngineRunner


@attrs.frozen
class Mode:
    """A runner with its options.

    Attributes:
      name: what the mode is called in test names.
      runner: makes the runner.
      flags: options for every case.
      words: it says what went wrong in the words that users read.
      streams: it takes unbounded data, too.
      epochs: it runs many epochs, so that time goes by between elements.
      topics: those of the cases that it runs; all if there are none.
    """

    name: str
    runner: Callable[[], PipelineRunner]
    flags: tuple[str, ...] = ()
    words: bool = True
    streams: bool = True
    epochs: bool = False
    topics: frozenset[str] = frozenset()

    def takes(self, case: Case) -> bool:
        """True if it runs the case."""
        return ((self.streams or not case.streams) and not (self.epochs and case.one_epoch)
                and (not self.topics or case.topic in self.topics))


#: The topics of cases whose elements are dealt out to other tasks.
EXCHANGING = frozenset({
    'combiners', 'combining', 'grouping', 'library', 'sideinputs', 'state', 'timers', 'triggers', 'utilities',
    'windows',
})

#: The topics of cases in which a task that runs again could double or lose something.
DOUBLING = EXCHANGING | {'lifecycle', 'metrics', 'outputs', 'writing'}

MODES: tuple[Mode, ...] = (
    Mode('reference', ReferenceRunner, words=False, streams=False),
    Mode('local', LocalRunner),
    Mode('local-bundles-of-one', LocalRunner, ('--bundle_size=1',)),
    Mode('unoptimised', lambda: EngineRunner(skip=OPTIONAL), streams=False),
    Mode('three-partitions', lambda: EngineRunner(slots=3, bundle_size=3), streams=False),
    Mode('partitions-by-size', lambda: EngineRunner(slots=2, portion=500, bundle_size=3), streams=False),
    Mode('stream', LocalRunner, ('--streaming',), epochs=True),
    Mode('stream-bundles-of-one', LocalRunner, ('--streaming', '--bundle_size=1'), epochs=True),
    Mode('stream-processes', LocalRunner, ('--streaming', '--workers=2', '--bundle_size=3'), epochs=True),
    Mode('spilling', LocalRunner, ('--memory_budget=0',)),
    Mode('processes', LocalRunner, ('--workers=2', '--bundle_size=3')),
    Mode('processes-spilling', LocalRunner, ('--workers=2', '--bundle_size=3', '--memory_budget=2000'),
         topics=EXCHANGING),
    Mode('spawn', FreshRunner, ('--workers=2', '--bundle_size=3', '--start_method=spawn')),
    Mode('dask', shared_runner, ('--bundle_size=3',), streams=False),
    Mode('dask-p2p', shared_runner, ('--bundle_size=3', '--exchange=p2p'), streams=False, topics=EXCHANGING),
    Mode('dask-picked', PickingRunner, ('--bundle_size=3', '--exchange=tasks'), streams=False, topics=EXCHANGING),
    Mode(f'killed-workers-by-seed-{KillingRunner().seed}', KillingRunner, ('--workers=2', '--bundle_size=3'),
         streams=False, topics=DOUBLING),
)
