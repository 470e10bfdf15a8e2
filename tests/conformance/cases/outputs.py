"""Several outputs of one function."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from bourne.errors import ExecutionError
from bourne.sdk.model.dofn import DoFn, TaggedOutput
from bourne.sdk.testing.pipeline import TestPipeline
from bourne.sdk.testing.util import assert_that, is_empty
from bourne.sdk.transforms.combine import CombinePerKey
from bourne.sdk.transforms.create import Create
from bourne.sdk.transforms.flatten import Flatten
from bourne.sdk.transforms.group import GroupByKey
from bourne.sdk.transforms.pardo import Filter, FlatMap, Map, ParDo
from tests.conformance.case import case, check, in_order


def by_parity(x: int) -> Iterator[Any]:
    yield x
    yield TaggedOutput('odd' if x % 2 else 'even', x * 10)


@case
def declared_tags(p: TestPipeline) -> None:
    out = p | Create([1, 2, 3]) | FlatMap(by_parity).with_outputs('odd', 'even')
    check(out[None], [1, 2, 3])
    check(out.odd, [10, 30])
    check(out['even'], [20])


@case
def main_has_a_name(p: TestPipeline) -> None:
    out = p | Create([1, 2, 3]) | FlatMap(by_parity).with_outputs('odd', 'even', main='all')
    main, odd, even = out
    check(main, [1, 2, 3])
    check(odd, [10, 30])
    check(even, [20])
    check(out.all, [1, 2, 3])
    check(out['all'], [1, 2, 3])


@case
def unpacked_in_the_order_of_declaration(p: TestPipeline) -> None:
    even, odd = p | Create([1, 2, 3]) | FlatMap(by_parity).with_outputs('even', 'odd')
    check(even, [20])
    check(odd, [10, 30])


@case
def undeclared_tags_are_made_when_asked_for(p: TestPipeline) -> None:
    out = p | Create([1, 2, 3]) | FlatMap(by_parity).with_outputs()
    check(out.odd, [10, 30])
    check(out[None], [1, 2, 3])


@case
def tags_that_nobody_asks_for_are_dropped(p: TestPipeline) -> None:
    check(p | Create([1, 2, 3]) | FlatMap(by_parity), [1, 2, 3])


@case(raises=ExecutionError, match="is tagged 'odd', which was not declared; declared: 'even'")
def a_tag_that_was_not_declared(p: TestPipeline) -> None:
    out = p | Create([1, 2, 3]) | FlatMap(by_parity).with_outputs('even')
    check(out.even, [20])


@case
def a_tag_that_nothing_is_given_is_empty(p: TestPipeline) -> None:
    out = p | Create([1]) | FlatMap(by_parity).with_outputs('odd', 'even')
    assert_that(out.even, is_empty())


@case
def every_output_goes_on(p: TestPipeline) -> None:
    out = p | Create([1, 2, 3]) | FlatMap(by_parity).with_outputs('odd', 'even')
    check(out.odd | Map(lambda x: x + 1) | Filter(lambda x: x > 11), [31])
    check(out.even | Map(lambda x: ('k', x)) | GroupByKey(), [('k', [20])])
    check((out.odd, out.even, out[None]) | Flatten(), [1, 2, 3, 10, 20, 30])


@case
def from_map(p: TestPipeline) -> None:
    out = p | Create([1, 2]) | Map(lambda x: TaggedOutput('other', x) if x == 1 else x).with_outputs('other')
    check(out.other, [1])
    check(out[None], [2])


@case
def from_a_dofn_that_only_tags(p: TestPipeline) -> None:
    class Tags(DoFn):
        def process(self, element: int) -> Iterator[Any]:
            yield TaggedOutput('a', element)
            yield TaggedOutput('b', -element)

    out = p | Create([1, 2]) | ParDo(Tags()).with_outputs('a', 'b', main='none')
    check(out.a, [1, 2])
    check(out.b, [-1, -2])
    assert_that(out.none, is_empty())


@case
def many_tags(p: TestPipeline) -> None:
    tags = [f'tag {number}' for number in range(30)]
    out = p | Create(range(60)) | Map(lambda x: TaggedOutput(f'tag {x % 30}', x)).with_outputs(*tags)
    for number, tag in enumerate(tags):
        check(out[tag], [number, number + 30])


@case
def tags_with_odd_names(p: TestPipeline) -> None:
    odd = ["it's", 'a"b', 'new\nline', 'ü', '#', '{x}', 'None', '0']
    out = p | Create(odd) | Map(lambda x: TaggedOutput(x, x)).with_outputs(*odd)
    for tag in odd:
        check(out[tag], [tag])


@case
def grouped_outputs_of_one_function(p: TestPipeline) -> None:
    def split(x: int) -> Iterator[Any]:
        yield TaggedOutput('keyed', (x % 2, x))
        yield (x % 3, 1)

    out = p | Create(range(6)) | FlatMap(split).with_outputs('keyed')
    check(out.keyed | 'group' >> GroupByKey() | in_order(), [(0, [0, 2, 4]), (1, [1, 3, 5])])
    check(out[None] | CombinePerKey(sum), [(0, 2), (1, 2), (2, 2)])


@case
def main_output_unused(p: TestPipeline) -> None:
    out = p | Create([1, 2]) | FlatMap(by_parity).with_outputs('odd', 'even')
    check(out.odd, [10])
