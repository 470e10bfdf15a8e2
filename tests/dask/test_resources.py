"""Resource hints: refused where no worker satisfies them, and followed where one does."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from typing import Any

import pytest
from distributed import Client, Nanny, Scheduler, SpecCluster, Worker

from bourne.engine.plan.stage import Stage
from bourne.errors import UnsupportedError
from bourne.runners.dask import DaskRunner, blaming, resources
from bourne.sdk.options import PipelineOptions
from bourne.sdk.testing.pipeline import TestPipeline
from bourne.sdk.testing.util import assert_that, equal_to
from bourne.sdk.transforms.create import Create
from bourne.sdk.transforms.group import GroupByKey
from bourne.sdk.transforms.pardo import Map


def specification(kind: type) -> tuple[dict[str, Any], dict[str, Any]]:
    """Two workers of a class and a scheduler: a plain worker, and one with a GPU, two threads and more memory."""
    common = {'silence_logs': 50, 'dashboard_address': None} if kind is Nanny else {'dashboard_address': None}
    workers = {'plain': {'nthreads': 1, 'memory_limit': 1 << 30},
               'strong': {'nthreads': 2, 'memory_limit': 2 << 30, 'resources': {'GPU': 1}}}
    made = {name: {'cls': kind, 'options': {**common, **options}} for name, options in workers.items()}
    return made, {'cls': Scheduler, 'options': {'dashboard': False, 'dashboard_address': ':0', 'host': '127.0.0.1',
                                                'port': 0}}


@pytest.fixture(scope='module')
def mixed() -> Iterator[Client]:
    """The two workers, in processes of their own."""
    with SpecCluster(*specification(Nanny), silence_logs=50) as cluster, \
            Client(cluster, set_as_default=False) as client:
        yield client


def where(x: Any) -> str:
    """The name of the worker that runs this."""
    from distributed import get_worker

    return str(get_worker().name)


@pytest.mark.parametrize('hint', [{'accelerator': 'type:tesla;count:1'}, {'min_ram': 3 << 29}, {'cpu_count': 2}])
@pytest.mark.parametrize('exchange', ['auto', 'p2p', 'tasks'])
def test_a_stage_runs_where_its_hints_are_satisfied(mixed: Client, monkeypatch: pytest.MonkeyPatch, exchange: str,
                                                    hint: dict[str, Any]) -> None:
    monkeypatch.setattr('bourne.runners.dask.exchanges.WHOLE_MOST', 0)
    with TestPipeline(DaskRunner(client=mixed), PipelineOptions([f'--exchange={exchange}'])) as p:
        read = p | Create(range(6_000)) | Map(lambda x: (x % 7, x)) | GroupByKey()
        assert_that(read | 'where' >> Map(where).with_resource_hints(**hint), equal_to(['strong'] * 7))


@pytest.mark.parametrize('when', ['before', 'after'])
def test_the_only_worker_that_satisfies_a_hint_is_lost(monkeypatch: pytest.MonkeyPatch, when: str) -> None:
    """Whether before its task is sent or after, the task waits for another such worker, and the user is told."""
    monkeypatch.setattr(blaming, 'INTERVAL', 0.0)
    restricted = resources.restricted
    said = []

    class Help(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            if 'ask for' in record.getMessage() and not said:
                said.append(record.getMessage())
                cluster.sync(cluster._correct_state)  # there are to be two

    def lose(stage: Stage, *given: Any) -> Any:
        made = restricted(stage, *given) if when == 'after' else None
        if resources.asked(stage):
            cluster.sync(cluster.workers.pop('strong').close)
        return made or restricted(stage, *given)

    monkeypatch.setattr(resources, 'restricted', lose)
    helper = Help()
    logging.getLogger('bourne').addHandler(helper)
    try:
        with SpecCluster(*specification(Worker), silence_logs=50) as cluster, \
                Client(cluster, set_as_default=False) as client, TestPipeline(DaskRunner(client=client)) as p:
            read = p | Create(range(100)) | Map(lambda x: (x % 7, x)) | GroupByKey()
            assert_that(read | Map(where).with_resource_hints(accelerator='type:tesla'), equal_to(['strong'] * 7))
            address = client.scheduler.address
    finally:
        logging.getLogger('bourne').removeHandler(helper)
    told, = said
    assert re.fullmatch(rf'no worker of the Dask cluster at {address} can run (\d+) of the \1 tasks that ask for '
                        rf'accelerator=type:tesla; the run waits until one comes', told)


@pytest.mark.parametrize(('hint', 'said'), [
    ({'min_ram': '1TB'}, 'min_ram=1.0 TB'), ({'cpu_count': 64}, 'cpu_count=64'),
])
def test_a_hint_that_no_worker_satisfies_is_refused(mixed: Client, hint: dict[str, Any], said: str) -> None:
    p = TestPipeline(DaskRunner(client=mixed))
    p | Create([1]) | 'Heavy' >> Map(str).with_resource_hints(**hint)
    with pytest.raises(UnsupportedError) as caught:
        p.run()
    first, second, last = str(caught.value).split('\n')
    assert first == 'no worker of the Dask cluster satisfies these resource hints:'
    assert second.startswith(f'  - Heavy ({__file__}:')
    assert second.endswith(f': {said}')
    assert last == 'The 2 workers declare the resources GPU=1.'


def test_hints_that_no_worker_satisfies_together(mixed: Client) -> None:
    p = TestPipeline(DaskRunner(client=mixed))
    (p | Create([1]) | 'Lonely' >> Map(str).with_resource_hints(max_active_bundles_per_worker=1)
     | 'Heavy' >> Map(str).with_resource_hints(cpu_count=2))
    with pytest.raises(UnsupportedError, match=r'  - Lonely, Heavy, which run in one task: .*=1 and cpu_count=2\n'):
        p.run()
