"""Collections are descriptions: what looks like data in them is refused, with words."""

from __future__ import annotations

from typing import Any

import pytest

from bourne.errors import PipelineError, TransformError
from bourne.sdk.model.dofn import TaggedOutput
from bourne.sdk.model.window import FixedWindows
from bourne.sdk.pcollection import PBegin, PDone
from bourne.sdk.pipeline import Pipeline
from bourne.sdk.transforms.create import Create
from bourne.sdk.transforms.pardo import FlatMap, Map
from bourne.sdk.transforms.window import WindowInto


@pytest.fixture
def numbers() -> Any:
    return Pipeline() | 'numbers' >> Create([1, 2])


def test_iteration_says_what_to_do(numbers: Any) -> None:
    for look in (list, iter, sorted, lambda x: [*x]):
        with pytest.raises(TypeError) as caught:
            look(numbers)
        text = str(caught.value)
        assert "<PCollection from 'numbers'> is a description without data and cannot be iterated over" in text
        assert 'assert_that' in text
        assert 'AsIter(pcoll)' in text


def test_truth_says_what_to_do(numbers: Any) -> None:
    for look in (bool, lambda x: not x, lambda x: 1 if x else 2):
        with pytest.raises(TypeError, match='is a description without data: it is neither true nor false'):
            look(numbers)


def test_length_and_items_are_no_more(numbers: Any) -> None:
    with pytest.raises(TypeError):
        len(numbers)
    with pytest.raises(TypeError):
        numbers[0]


def test_equality_is_identity(numbers: Any) -> None:
    other = Pipeline() | 'numbers' >> Create([1, 2])
    assert numbers == numbers
    assert numbers != other
    assert len({numbers, numbers, other}) == 2


def test_shows_itself(numbers: Any) -> None:
    assert repr(numbers) == "<PCollection from 'numbers'>"
    assert repr(PBegin(numbers.pipeline)) == 'PBegin'
    assert repr(PDone(numbers.pipeline)) == 'PDone'


def test_several_outputs(numbers: Any) -> None:
    out = numbers | FlatMap(lambda x: [x, TaggedOutput('b', x)]).with_outputs('a', 'b', main='m')
    assert [one.id.partition('[')[2] for one in out] == ['', 'a]', 'b]']
    assert out.m == out['m'] == out[None] == out[0]
    assert out.b == out[2]
    assert len(out) == 3
    assert out.tags == ('m', 'a', 'b')
    assert 'tags=' in repr(out)
    with pytest.raises(KeyError, match=r"no output is tagged 'c'; declared: 'm', 'a', 'b'"):
        out['c']
    with pytest.raises(AttributeError, match="no output is tagged 'c'"):
        _ = out.c


def test_tags_that_cannot_be(numbers: Any) -> None:
    function = FlatMap(lambda x: [x])
    with pytest.raises(TransformError, match="the main output and another one are both called 'a'"):
        function.with_outputs('a', main='a')
    for tag in ('', 5, None):
        with pytest.raises(TransformError, match=f'output tags are non-empty strings, got {tag!r}'):
            function.with_outputs(tag)
    with pytest.raises(TypeError, match='the tag comes first and is a string, got 5'):
        TaggedOutput(5, 'a')


def test_a_collection_in_the_place_of_a_side_input(numbers: Any) -> None:
    with pytest.raises(TransformError) as caught:
        Map(lambda x, y: x, numbers)
    text = str(caught.value)
    assert "the argument <PCollection from 'numbers'> is a PCollection; say how it is to be looked at: AsIter" in text
    with pytest.raises(TransformError, match='is a PCollection; say how'):
        Map(lambda x, y: x, y=numbers)


def test_what_was_captured_is_refused_on_a_cluster_as_here(numbers: Any) -> None:
    numbers | Map(lambda x: numbers)
    with pytest.raises(Exception, match='A collection is only a description; pass it as a side input') as caught:
        numbers.pipeline.run()
    assert 'captured' in str(caught.value)
    assert not isinstance(caught.value, PipelineError)


def test_a_notebook_shows_what_is_known_and_no_data() -> None:
    made = Pipeline() | 'a<b' >> Create([('secret', 1)]) | 'in windows' >> WindowInto(FixedWindows(60))
    shown = made._repr_html_()
    for text in ('PCollection', 'in windows', 'tuple[str, int]', 'FixedWindows(60)', 'bounded'):
        assert f'>{text}<' in shown
    assert 'secret' not in shown
    assert '>a&lt;b<' in (Pipeline() | 'a<b' >> Create([1]))._repr_html_()
