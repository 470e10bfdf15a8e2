"""Display data: what components show of themselves, and its form as JSON."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, timezone

import pytest

from bourne.errors import TransformError
from bourne.sdk.display import DisplayData, DisplayDataItem, HasDisplayData
from bourne.sdk.options import PipelineOptions


class Inner:
    """Has display data without knowing the module: as the model's DoFn."""

    def display_data(self):
        return {'depth': 2}


class Outer(HasDisplayData):
    def __init__(self, **shown):
        self.shown = shown

    def display_data(self):
        return self.shown


HERE = f'{__name__}.Outer'


def items(component, **extra):
    return {item.key: item for item in DisplayData.create_from(component, extra).items}


def test_components_without_display_data_of_their_own():
    assert HasDisplayData().display_data() == {}
    assert DisplayData.create_from(HasDisplayData()).items == []


@pytest.mark.parametrize(('value', 'type_', 'shown'), [
    ('text', 'STRING', 'text'),
    (120, 'INTEGER', 120),
    (True, 'BOOLEAN', True),
    (1.5, 'FLOAT', 1.5),
    (float('inf'), 'FLOAT', 'inf'),
    (timedelta(seconds=2, microseconds=500), 'DURATION', 2000.5),
    (datetime(1970, 1, 2, 0, 0, 0, 7999), 'TIMESTAMP', 86_400_007),
    (datetime(1970, 1, 2, tzinfo=UTC), 'TIMESTAMP', 86_400_000),
    (datetime(1970, 1, 2, tzinfo=timezone(timedelta(hours=1))), 'TIMESTAMP', 82_800_000),
    (HasDisplayData, 'STRING', 'bourne.sdk.display.HasDisplayData'),
])
def test_values_become_plain_data(value, type_, shown):
    item = items(Outer(key=value))['key']
    assert item.value == value
    plain = item.get_dict()
    assert (plain['key'], plain['namespace'], plain['type'], plain['value']) == ('key', HERE, type_, shown)
    assert plain.get('shortValue') == ('HasDisplayData' if value is HasDisplayData else None)
    assert json.loads(json.dumps(plain, allow_nan=False)) == plain


def test_items_with_more_than_a_value():
    found = items(Outer(site=DisplayDataItem('beam', url='https://beam', label='The site')), extra='more')
    assert found['site'].get_dict() == {
        'key': 'site', 'namespace': HERE, 'type': 'STRING', 'url': 'https://beam', 'label': 'The site',
        'value': 'beam'}
    assert found['extra'].value == 'more'
    assert found['extra'] == DisplayDataItem('more', namespace=HERE, key='extra')
    assert found['extra'] != DisplayDataItem('other', namespace=HERE, key='extra')
    assert len({found['extra'], DisplayDataItem('more', namespace=HERE, key='extra')}) == 1


def test_inner_components_are_shown_under_their_own_name():
    found = items(Outer(fn=Inner(), kind=Inner))
    assert found['depth'].namespace == f'{__name__}.Inner'
    assert found['kind'].value is Inner


def test_items_are_dropped():
    found = items(Outer(
        some=DisplayDataItem('x').drop_if_none(), none=DisplayDataItem(None).drop_if_none(),
        default=DisplayDataItem(True).drop_if_default(True), other=DisplayDataItem(True).drop_if_default(False)))
    assert set(found) == {'some', 'other'}


def test_what_cannot_be_shown_is_text_in_the_graph():
    data = DisplayData.create_from(Outer(many=[1, 2], none=None, text='t'))
    assert data.to_dict() == {'namespace': HERE, 'items': [
        {'key': 'many', 'namespace': HERE, 'type': 'STRING', 'value': '[1, 2]'},
        {'key': 'text', 'namespace': HERE, 'type': 'STRING', 'value': 't'}]}
    assert repr(data) == f"DisplayData({HERE}: many=[1, 2], none=None, text='t')"


@pytest.mark.parametrize(('item', 'message'), [
    (DisplayDataItem('x', namespace='n'), 'must have a key'),
    (DisplayDataItem('x', key='k'), 'must have a namespace'),
    (DisplayDataItem(None, key='k', namespace='n'), 'must have a value'),
    (DisplayDataItem([1], key='k', namespace='n'), "display data 'k' of n has a value of type list"),
])
def test_items_that_are_not_valid(item, message):
    with pytest.raises(TransformError, match=message):
        item.get_dict()


def test_what_has_no_display_data():
    with pytest.raises(TransformError, match=r'3 \(int\) has no display data'):
        DisplayData.create_from(3)
    with pytest.raises(TransformError, match=r'PipelineOptions are needed, got .*Inner'):
        DisplayData.create_from_options(Inner())


def test_options_show_what_is_set():
    options = PipelineOptions(['--extra_package=a', '--extra_packages=b', '--workers=3', '--unknown'])
    found = {item.key: item.value for item in DisplayData.create_from_options(options).items}
    assert found['extra_packages'] == "['a', 'b']"
    assert found['workers'] == 3
    assert found['unknown'] is True
    assert 'runner' not in found
