"""What a program takes when it opens, it gives back when it closes, and nothing else."""

from __future__ import annotations

import gc
import linecache
from collections.abc import Iterator
from typing import Any

import pytest

from bourne.engine.plan.compile import compile_plan
from bourne.engine.program.program import Program
from bourne.engine.program.source import compile_source
from bourne.sdk.model.dofn import DoFn
from bourne.sdk.pipeline import Pipeline
from bourne.sdk.testing.pipeline import TestPipeline
from bourne.sdk.transforms.create import Create
from bourne.sdk.transforms.pardo import Map, ParDo


class Living(DoFn):
    """Writes down its life. Its setup may fail half way."""

    log: list[str] = []

    def __init__(self, name: str, fails: bool = False) -> None:
        self.name = name
        self.fails = fails

    def setup(self) -> None:
        self.log.append(f'set up {self.name}')
        if self.fails:
            raise ValueError(f'{self.name} is broken')

    def process(self, element: Any) -> Iterator[Any]:
        yield element

    def teardown(self) -> None:
        self.log.append(f'tear down {self.name}')


def program(*names: str) -> Program:
    p = Pipeline()
    collection: Any = p | Create([1])
    for name in names:
        collection = collection | name >> ParDo(Living(name, name == 'bad'))
    collection | 'end' >> Map(print)
    plan = compile_plan(p.to_graph())
    return Program(plan, plan.stages[0])


def test_only_what_was_set_up_is_torn_down() -> None:
    Living.log.clear()
    made = program('good', 'bad', 'late')
    with pytest.raises(ValueError, match='bad is broken'):
        made.open()
    made.close()
    assert Living.log == ['set up good', 'set up bad', 'tear down good', 'tear down bad']


def test_a_program_that_was_never_opened_tears_nothing_down() -> None:
    Living.log.clear()
    program('good').close()
    assert Living.log == []


def test_a_run_raises_what_the_setup_raised() -> None:
    p = TestPipeline()
    p | Create([1]) | ParDo(Living('bad', fails=True))
    with pytest.raises(ValueError, match='bad is broken') as caught:
        p.run()
    assert 'in setup' in caught.value.__notes__[0]


def test_generated_source_is_forgotten_with_its_program() -> None:
    def shown() -> int:
        return sum(name.startswith('<bourne stage') for name in linecache.cache)

    compile_source.cache_clear()
    gc.collect()
    before = shown()
    with TestPipeline() as p:
        p | Create([1]) | 'a label of its own' >> Map(lambda x: x + 1) | 'and' >> Map(lambda x: x)
    assert shown() > before
    del p
    compile_source.cache_clear()
    gc.collect()
    assert shown() == before
