"""GroupBy and Select."""

from __future__ import annotations

import pickle
from typing import Any, NamedTuple

import pytest

from bourne.errors import TransformError
from bourne.sdk.model.row import Row
from bourne.sdk.testing.pipeline import TestPipeline
from bourne.sdk.testing.util import assert_that, equal_to
from bourne.sdk.transforms.combiners import CountCombineFn, MeanCombineFn
from bourne.sdk.transforms.create import Create
from bourne.sdk.transforms.error_handling import CollectingErrorHandler
from bourne.sdk.transforms.pardo import Map
from bourne.sdk.transforms.rows import GroupBy, Select


class Sale(NamedTuple):
    shop: str
    item: str
    price: float


SALES = [Sale('east', 'pen', 2.0), Sale('east', 'ink', 6.0), Sale('west', 'pen', 3.0), Sale('east', 'pen', 4.0)]


def initial(sale: Sale) -> str:
    return sale.item[0]


def items(element: Any) -> Any:
    key, sales = element
    return key, sorted(sale.price for sale in sales)


def test_one_field_is_the_key() -> None:
    with TestPipeline() as p:
        sales = p | Create(SALES)
        by_name = sales | GroupBy('shop')
        assert_that(by_name | 'a' >> Map(items), equal_to([('east', [2.0, 4.0, 6.0]), ('west', [3.0])]), 'name')
        by_function = sales | 'function' >> GroupBy(initial)
        assert_that(by_function | 'b' >> Map(items), equal_to([('p', [2.0, 3.0, 4.0]), ('i', [6.0])]), 'function')
        assert by_name.element_type.__args__[0] is str
        assert by_function.element_type.__args__[0] is str


def test_several_fields_are_a_named_tuple() -> None:
    with TestPipeline() as p:
        sales = p | Create(SALES)
        grouped = sales | GroupBy('shop', initial, high=lambda sale: sale.price > 5)
        assert_that(grouped | 'names' >> Map(lambda x: (x[0].shop, x[0].key1, x[0].high, len(list(x[1])))),
                    equal_to([('east', 'p', False, 2), ('east', 'i', True, 1), ('west', 'p', False, 1)]), 'names')
        # A named tuple equals the plain one.
        assert_that(grouped | 'plain' >> Map(lambda x: x[0]),
                    equal_to([('east', 'p', False), ('east', 'i', True), ('west', 'p', False)]), 'plain')
        assert grouped.element_type.__args__[0] == tuple[str, str, Any]
        alone = sales | 'named' >> GroupBy(where='shop') | 'where' >> Map(lambda x: x[0].where)
        forced = sales | 'forced' >> GroupBy('shop').force_tuple_keys() | 'shop' >> Map(lambda x: x[0].shop)
        assert_that(alone, equal_to(['east', 'west']), 'alone')
        assert_that(forced, equal_to(['east', 'west']), 'forced')


def test_no_field_is_one_group() -> None:
    with TestPipeline() as p:
        assert_that(p | Create(SALES) | GroupBy() | Map(items), equal_to([((), [2.0, 3.0, 4.0, 6.0])]))


def test_aggregation() -> None:
    with TestPipeline() as p:
        sales = p | Create(SALES)
        totals = sales | GroupBy('shop').aggregate_field('price', sum, 'total')
        assert_that(totals, equal_to([('east', 12.0), ('west', 3.0)]), 'total')
        assert_that(totals | Map(lambda x: (x.shop, x.total)), equal_to([('east', 12.0), ('west', 3.0)]), 'names')
        more = sales | (GroupBy('shop', first=initial)
                        .aggregate_field('price', max, 'highest')
                        .aggregate_field(lambda sale: sale.price * 2, MeanCombineFn(), 'mean')
                        .aggregate_field('item', CountCombineFn(), 'count'))
        assert_that(more, equal_to([('east', 'p', 4.0, 6.0, 2), ('east', 'i', 6.0, 12.0, 1),
                                    ('west', 'p', 3.0, 6.0, 1)]), 'more')
        labels = {item.label for item in p.to_graph().composites}
        assert {'GroupBy(shop; total)', 'GroupBy(shop, first; highest, mean, count)'} <= labels


def test_keys_and_results_travel() -> None:
    made: list[Any] = [Sale('a', 'b', 1.0)] | GroupBy('shop', 'item').aggregate_field('price', sum, 'price')
    again = pickle.loads(pickle.dumps(made[0]))
    assert again == made[0] == ('a', 'b', 1.0)
    assert again.item == 'b'
    assert repr(again) == "Result(shop='a', item='b', price=1.0)"


def test_select() -> None:
    with TestPipeline() as p:
        rows = p | Create(SALES[:1]) | Select('shop', initial, cents=lambda sale: int(sale.price * 100))
        assert_that(rows, equal_to([Row(shop='east', arg01='p', cents=200)]), 'rows')
        assert rows.element_type is Row
        assert_that(rows | GroupBy('shop').aggregate_field('cents', sum, 'sum'), equal_to([('east', 200)]), 'grouped')


def test_select_with_exception_handling() -> None:
    with TestPipeline() as p:
        numbers = p | Create([1, 0])
        select = Select(inverse=lambda x: 1 / x)
        outputs = numbers | select.with_exception_handling(dead_letter_tag='failed')
        assert_that(outputs.good, equal_to([Row(inverse=1.0)]), 'good')
        assert_that(outputs.failed | Map(lambda x: x[0]), equal_to([0]), 'bad')
        with CollectingErrorHandler() as handler:
            rows = numbers | 'handled' >> select.with_error_handler(handler)
        assert_that(rows, equal_to([Row(inverse=1.0)]), 'rows')
        assert_that(handler.output() | 'errors' >> Map(lambda x: x[0]), equal_to([0]), 'errors')


@pytest.mark.parametrize(('call', 'message'), [
    (lambda: GroupBy(3), "a field is the name of an attribute or a function of the element, got 3 for 'key'"),
    (lambda: Select(x=3), "Select: a field is the name of an attribute or a function of the element, got 3 for 'x'"),
    (lambda: GroupBy('a', 'a'), "GroupBy: two fields are named 'a'; name one of them otherwise: other_name='a'"),
    (lambda: Select('a', 'b', a='c'), "Select: two fields are named 'a'"),
    (lambda: SALES | GroupBy('shop').aggregate_field('price', sum, 'shop'), "two fields are named 'shop'"),
    (lambda: SALES | GroupBy('shop', _odd='item'), 'they need names like those of variables'),
    (lambda: GroupBy('shop').aggregate_field('price', MeanCombineFn, 'mean'), 'write MeanCombineFn()'),
])
def test_bad_arguments(call: Any, message: str) -> None:
    with pytest.raises(TransformError) as error:
        call()
    assert message in str(error.value)
