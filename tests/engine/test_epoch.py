"""The epoch coordinator: every stage once, in an order that works, and every sink committed once, when it may be."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import attrs
from hypothesis import given
from hypothesis import strategies as st

from bourne.engine.epoch import Command, Commit, Committed, Epoch, Finish, Release, RunStage, StageDone
from bourne.engine.plan.compile import compile_plan
from bourne.engine.plan.stage import Plan
from bourne.sdk.graph.nodes import MAIN
from bourne.sdk.model.portable import portable
from bourne.sdk.model.sink import Sink, Writer, WriteTask
from bourne.sdk.pipeline import Pipeline
from bourne.sdk.transforms.create import Create
from bourne.sdk.transforms.flatten import Flatten
from bourne.sdk.transforms.group import GroupByKey, Reshuffle
from bourne.sdk.transforms.pardo import Map
from bourne.sdk.transforms.sideinput import AsList
from bourne.sdk.transforms.write import Write
from tests.properties.pipelines import Step, build, programs


@portable
@attrs.frozen
class Nowhere(Sink[Any]):
    """Is only looked at."""

    def open(self, task: WriteTask) -> Writer[Any]:
        raise NotImplementedError

    def commit(self, run: str, prepared: Sequence[tuple[int, Any]], epoch: int = 0) -> Sequence[Any]:
        raise NotImplementedError


def plan_of(make: Any) -> Plan:
    p = Pipeline()
    make(p)
    return compile_plan(p.to_graph())


def names(commands: list[Command]) -> list[str]:
    """Commands in short, for comparison."""
    found = []
    for command in commands:
        match command:
            case RunStage(stage=stage):
                found.append(f'run {stage.name}')
            case Commit(labels=labels):
                found.append(f'commit {" ".join(labels)}')
            case Release(collections=collections):
                found.append(f'release {" ".join(sorted(collections))}')
            case Finish():
                found.append('finish')
    return found


def test_two_stages_in_a_row() -> None:
    epoch = Epoch(plan_of(lambda p: p | Create([(1, 1)]) | 'group' >> GroupByKey() | 'after' >> Map(str)))
    assert names(epoch.start()) == ['run Create']
    assert names(epoch.handle(StageDone('Create'))) == ['run group +1']
    assert names(epoch.handle(StageDone('group +1'))) == ['release Create', 'finish']


def test_stages_that_do_not_depend_on_each_other_run_together() -> None:
    def make(p: Pipeline) -> None:
        both = (p | 'a' >> Create([(1, 1)]), p | 'b' >> Create([(1, 1)])) | Flatten()
        both | 'group' >> GroupByKey()

    epoch = Epoch(plan_of(make))
    assert names(epoch.start()) == ['run a', 'run b']
    assert names(epoch.handle(StageDone('b'))) == []
    assert names(epoch.handle(StageDone('a'))) == ['run group']
    assert names(epoch.handle(StageDone('group'))) == ['release a b', 'finish']


def test_sinks_are_committed_together_at_the_end() -> None:
    def make(p: Pipeline) -> None:
        numbers = p | Create([1])
        numbers | 'first' >> Write(Nowhere())
        numbers | 'spread' >> Reshuffle() | 'second' >> Write(Nowhere())

    epoch = Epoch(plan_of(make))
    assert names(epoch.start()) == ['run Create +1']
    assert names(epoch.handle(StageDone('Create +1'))) == ['run spread +1']
    assert names(epoch.handle(StageDone('spread +1'))) == ['release Create', 'commit first second']
    assert names(epoch.handle(Committed(('first', 'second')))) == ['finish']


def test_a_sink_whose_output_is_read_is_committed_at_once() -> None:
    def make(p: Pipeline) -> None:
        numbers = p | Create([1])
        numbers | 'early' >> Write(Nowhere()) | 'names' >> Map(str) | 'late' >> Write(Nowhere())

    epoch = Epoch(plan_of(make))
    assert names(epoch.start()) == ['run Create +1']
    assert names(epoch.handle(StageDone('Create +1'))) == ['commit early']
    assert names(epoch.handle(Committed(('early',)))) == ['run names +1']
    assert names(epoch.handle(StageDone('names +1'))) == ['release early', 'commit late']
    assert names(epoch.handle(Committed(('late',)))) == ['finish']


def test_side_inputs_are_waited_for() -> None:
    def make(p: Pipeline) -> None:
        side = p | 'side' >> Create([1])
        p | 'main' >> Create([1]) | 'map' >> Map(lambda x, y: x, AsList(side))

    epoch = Epoch(plan_of(make))
    assert names(epoch.start()) == ['run side']
    assert names(epoch.handle(StageDone('side'))) == ['run main +1']
    assert names(epoch.handle(StageDone('main +1'))) == ['release side', 'finish']


def test_an_empty_plan_is_over_at_once() -> None:
    assert names(Epoch(plan_of(lambda p: None)).start()) == ['finish']


@given(programs(), st.data())
def test_any_order_of_events(program: tuple[Step, ...], data: st.DataObject) -> None:
    """Whatever ends first: stages run once and after what they read, sinks are committed once, and nothing is released
    that somebody still needs."""
    p = Pipeline()
    for number, collection in enumerate(build(p, program)):
        written = collection | f'write {number}' >> Write(Nowhere())
        if number % 2:
            written | f'read {number}' >> Map(str) | f'write again {number}' >> Write(Nowhere())
    plan = compile_plan(p.to_graph())
    epoch = Epoch(plan)
    waiting: list[Command] = []
    done: list[str] = []
    committed: list[str] = []
    released: set[str] = set()
    finished = 0
    commands = epoch.start()
    while commands or waiting:
        for command in commands:
            if isinstance(command, Release):
                assert not released & set(command.collections)
                released.update(command.collections)
            elif isinstance(command, Finish):
                finished += 1
            else:
                waiting.append(command)
        if not waiting:
            break
        assert not finished
        chosen = waiting.pop(data.draw(st.integers(0, len(waiting) - 1)))
        if isinstance(chosen, RunStage):
            stage = chosen.stage
            _check_inputs(plan, stage, done, committed, released)
            done.append(stage.name)
            commands = epoch.handle(StageDone(stage.name))
        else:
            assert isinstance(chosen, Commit)
            committed += chosen.labels
            commands = epoch.handle(Committed(chosen.labels))
    assert sorted(done) == sorted(stage.name for stage in plan.stages)
    assert sorted(committed) == sorted(op.label for stage in plan.stages for op in stage.sinks)
    assert finished == 1


def _check_inputs(plan: Plan, stage: Any, done: list[str], committed: list[str], released: set[str]) -> None:
    assert stage.name not in done
    for name in (*stage.inputs, *stage.side_inputs):
        assert name not in released
        maker = next(one for one in plan.stages if name in one.produced)
        assert maker.name in done
        sink = next((op for op in maker.sinks if op.outputs.get(MAIN) == name), None)
        assert sink is None or sink.label in committed
