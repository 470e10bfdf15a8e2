"""ToString and Regex."""

from __future__ import annotations

import re
from typing import Any

import pytest

from bourne.errors import TransformError, TypeCheckError
from bourne.sdk.ptransform import PTransform
from bourne.sdk.testing.pipeline import TestPipeline
from bourne.sdk.testing.util import assert_that, equal_to
from bourne.sdk.transforms.create import Create
from bourne.sdk.transforms.util import Regex, ToString


def test_to_string() -> None:
    with TestPipeline() as p:
        pairs = p | Create([('a', 1), ('b', None)])
        assert_that(pairs | ToString.Element(), equal_to(["('a', 1)", "('b', None)"]), 'element')
        assert_that(pairs | ToString.Kvs(), equal_to(['a,1', 'b,None']), 'pairs')
        assert_that(pairs | 'tabs' >> ToString.Iterables('\t'), equal_to(['a\t1', 'b\tNone']), 'tabs')
        assert (pairs | 'type' >> ToString.Kvs()).element_type is str


LINES = ['abb ax abbb', 'x abc', '']

CASES: list[tuple[PTransform, list[Any]]] = [
    (Regex.matches('a(b*)'), ['abb']),
    (Regex.matches('a(b*)', 1), ['bb']),
    (Regex.matches(re.compile('(?P<word>a+)'), group='word'), ['a']),
    (Regex.all_matches('(a)(b)?(c)?'), [['ab', 'a', 'b', None]]),
    (Regex.all_matches('((a)b)'), [['ab', 'ab', 'a']]),
    (Regex.matches_kv('(a)(b*)', 1, 2), [('a', 'bb')]),
    (Regex.matches_kv('(a)(b*)', 1), [('a', 'abb')]),
    (Regex.find('b+'), ['bb', 'b']),
    (Regex.find('a(b*)c', 1), ['b']),
    (Regex.find_all('a(b*)'), [['abb', 'a', 'abbb'], ['ab'], []]),
    (Regex.find_all('a(b*)', 1), [['bb', '', 'bbb'], ['b'], []]),
    (Regex.find_all('a(b*)', 1, outputEmpty=False), [['bb', 'bbb'], ['b'], []]),
    (Regex.find_all('a(b*)', Regex.ALL), [[('abb', 'bb'), ('a', ''), ('abbb', 'bbb')], [('ab', 'b')], []]),
    (Regex.find_all('a(b*)', Regex.ALL, outputEmpty=False), [[('abb', 'bb'), ('abbb', 'bbb')], [('ab', 'b')], []]),
    (Regex.find_all('(a)(b?)', Regex.ALL), [[('ab', 'a', 'b'), ('a', 'a', ''), ('ab', 'a', 'b')], [('ab', 'a', 'b')],
                                            []]),
    (Regex.find_kv('(a)(b+)', 1, 2), [('a', 'bb'), ('a', 'bbb'), ('a', 'b')]),
    (Regex.find_kv('(a)(b+)', 2), [('bb', 'abb'), ('bbb', 'abbb'), ('b', 'ab')]),
    (Regex.replace_all('a(b*)', r'<\1>'), ['<bb> <>x <bbb>', 'x <b>c', '']),
    (Regex.replace_first('a(b*)', r'<\1>'), ['<bb> ax abbb', 'x <b>c', '']),
    (Regex.split(r'\s+'), [['abb', 'ax', 'abbb'], ['x', 'abc'], []]),
    (Regex.split('a', outputEmpty=True), [['', 'bb ', 'x ', 'bbb'], ['x ', 'bc'], ['']]),
    (Regex.split('a'), [['bb ', 'x ', 'bbb'], ['x ', 'bc'], []]),
]


@pytest.mark.parametrize(('transform', 'expected'), CASES, ids=range(len(CASES)))
def test_regex(transform: PTransform, expected: list[Any]) -> None:
    with TestPipeline() as p:
        assert_that(p | Create(LINES) | transform, equal_to(expected))


def test_types_and_labels() -> None:
    p = TestPipeline()
    lines = p | Create(LINES)
    assert (lines | Regex.matches('a')).element_type is str
    assert (lines | Regex.all_matches('a')).element_type == list[str]
    assert (lines | Regex.find_kv('a', 0)).element_type == tuple[str, str]
    assert (lines | Regex.split('a')).element_type == list[str]
    assert [item.label for item in p.to_graph().transforms][1:3] == ['Regex.matches', 'Regex.all_matches']
    with pytest.raises(TypeCheckError, match='requires <str> but got <int>'):
        p | 'numbers' >> Create([1]) | Regex.find('1')


@pytest.mark.parametrize(('call', 'message'), [
    (lambda: Regex.find('('), "Regex.find: '(' is not a regular expression: missing )"),
    (lambda: Regex.find(3), 'Regex.find: 3 is not a regular expression'),  # type: ignore[arg-type]
    (lambda: Regex.split(b'a'), "Regex.split works on text, and b'a' is a regular expression for bytes"),  # type: ignore[arg-type]
    (lambda: Regex.matches('a(b)', 2), "Regex.matches: the regular expression 'a(b)' has no group 2"),
    (lambda: Regex.find_kv('(?P<k>a)', 'k', 'v'), "has no group 'v'"),
    (lambda: ToString.Kvs(3), 'ToString: the delimiter is a str, got 3'),  # type: ignore[arg-type]
])
def test_bad_arguments(call: Any, message: str) -> None:
    with pytest.raises(TransformError) as error:
        call()
    assert message in str(error.value)
