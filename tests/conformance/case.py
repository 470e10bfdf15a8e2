"""What a conformance case is, and the register of all of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import attrs

from bourne.sdk.pcollection import PCollection
from bourne.sdk.ptransform import PTransform
from bourne.sdk.testing.pipeline import TestPipeline
from bourne.sdk.testing.util import assert_that, equal_to
from bourne.sdk.transforms.pardo import MapTuple

Build = Callable[[TestPipeline], Any]


@attrs.frozen
class Case:
    """A pipeline with its expected result.

    Attributes:
      name: the topic and the function's name.
      build: takes an empty pipeline and adds transforms and asserts. What it returns, if anything, is called with the
        result of the run.
      raises: what running it raises, or ``None`` if it ends well.
      match: a regular expression that is found in the message; runners for tests need not have such words.
      flags: options of the pipeline.
      streams: it has unbounded data, which not every mode takes.
      one_epoch: it is about elements that come together, so that many epochs give something else.
    """

    name: str
    build: Build
    raises: type[BaseException] | None = None
    match: str = ''
    flags: tuple[str, ...] = ()
    streams: bool = False
    one_epoch: bool = False

    @property
    def topic(self) -> str:
        """What it is about."""
        return self.name.partition('.')[0]


CASES: dict[str, Case] = {}


def case(build: Build | None = None, *, raises: type[BaseException] | None = None, match: str = '',
         flags: Iterable[str] = (), streams: bool = False, one_epoch: bool = False) -> Any:
    """Registers a function as a case. See :class:`Case`."""

    def register(function: Build) -> Build:
        topic = function.__module__.rpartition('.')[2]
        name = f'{topic}.{function.__name__}'
        assert name not in CASES, f'two cases are called {name}'
        CASES[name] = Case(name, function, raises, match, tuple(flags), streams, one_epoch)
        return function

    return register if build is None else register(build)


def check(collection: PCollection[Any], expected: Iterable[Any], label: str = 'check') -> None:
    """Asserts that a collection has exactly these elements, in any order."""
    assert_that(collection, equal_to(expected), label)


def check_distinct(collection: PCollection[Any], expected: Iterable[Any]) -> None:
    """Asserts that a collection has these elements and no others, each any number of times."""
    wanted = set(expected)

    def matcher(actual: list[Any]) -> None:
        assert set(actual) == wanted, f'{actual} has not the elements {wanted}'

    assert_that(collection, matcher, 'check')


def in_order(label: str = 'InOrder') -> PTransform:
    """Sorts the values of each key, which come in no particular order."""
    return label >> MapTuple(lambda key, values: (key, sorted(values)))
