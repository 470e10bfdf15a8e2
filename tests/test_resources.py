"""Resource hints: how they are read, registered, nested, and given by options."""

from __future__ import annotations

import pytest

from bourne.errors import TransformError
from bourne.sdk.options import PipelineOptions
from bourne.sdk.resources import (
    ResourceHint,
    merge_resource_hints,
    parse_resource_hints,
    resource_hints_from_options,
)


@pytest.mark.parametrize(('given', 'parsed'), [
    ({'min_ram': '4GB'}, {'min_ram': 4_000_000_000}),
    ({'minRam': '1.5 GiB'}, {'min_ram': 1_610_612_736}),
    ({'min_ram': 100}, {'min_ram': 100}),
    ({'cpu_count': 2, 'accelerator': 'type:gpu;count:1'}, {'cpu_count': 2, 'accelerator': 'type:gpu;count:1'}),
    ({'cpuCount': '3'}, {'cpu_count': 3}),
    ({'MaxActiveBundlesPerWorker': 4}, {'max_active_bundles_per_worker': 4}),
    ({}, {}),
])
def test_hints_are_read(given, parsed):
    assert parse_resource_hints(given) == parsed


@pytest.mark.parametrize(('given', 'message'), [
    ({'min_rams': 1}, "there is no resource hint 'min_rams' (did you mean min_ram?); known: "),
    ({'zzz': 1}, "there is no resource hint 'zzz'; known: "),
    ({'min_ram': '4 parsecs'}, "the resource hint min_ram cannot be '4 parsecs': a size is a number with B, KB"),
    ({'min_ram': None}, 'the resource hint min_ram cannot be None: a size is'),
    ({'cpu_count': 0}, 'the resource hint cpu_count cannot be 0: a positive whole number is needed, got 0 (int)'),
    ({'cpu_count': True}, 'the resource hint cpu_count cannot be True: a positive whole number'),
    ({'accelerator': 1}, 'the resource hint accelerator cannot be 1: text is needed, got 1 (int)'),
])
def test_hints_that_cannot_be_read(given, message):
    with pytest.raises(TransformError) as error:
        parse_resource_hints(given)
    assert str(error.value).startswith(message)


@pytest.mark.parametrize(('outer', 'inner', 'merged'), [
    ({'min_ram': 5}, {'min_ram': 3}, {'min_ram': 5}),
    ({'min_ram': 5}, {'min_ram': 8}, {'min_ram': 8}),
    ({'cpu_count': 4}, {'cpu_count': 2}, {'cpu_count': 4}),
    ({'accelerator': 'a'}, {'accelerator': 'b'}, {'accelerator': 'b'}),
    ({'max_active_bundles_per_worker': 1}, {'max_active_bundles_per_worker': 2},
     {'max_active_bundles_per_worker': 3}),
    ({'min_ram': 5, 'unknown:v1': 1}, {'cpu_count': 1, 'unknown:v1': 2},
     {'min_ram': 5, 'cpu_count': 1, 'unknown:v1': 2}),
])
def test_nested_hints(outer, inner, merged):
    before = dict(outer), dict(inner)
    assert merge_resource_hints(outer, inner) == merged
    assert (outer, inner) == before


@pytest.fixture
def registry(monkeypatch):
    monkeypatch.setattr(ResourceHint, '_by_name', dict(ResourceHint._by_name))
    monkeypatch.setattr(ResourceHint, '_by_urn', dict(ResourceHint._by_urn))


@pytest.mark.usefixtures('registry')
def test_a_hint_of_ones_own():
    class DiskHint(ResourceHint):
        urn = 'example:resource:disk:v1'

        @classmethod
        def get_merged_value(cls, outer_value, inner_value):
            return f'{outer_value}+{inner_value}'

    assert not ResourceHint.is_registered('disk')
    ResourceHint.register_resource_hint('disk', DiskHint)
    assert ResourceHint.is_registered('disk')
    assert ResourceHint.get_by_name('disk') is ResourceHint.get_by_urn(DiskHint.urn) is DiskHint
    one, two = parse_resource_hints({'disk': 'ssd'}), parse_resource_hints({'disk': 'hdd'})
    assert merge_resource_hints(one, two) == {DiskHint.urn: 'ssd+hdd'}


@pytest.mark.usefixtures('registry')
def test_what_is_no_kind_of_hint():
    class NamelessHint(ResourceHint):
        pass

    with pytest.raises(TransformError, match='NamelessHint must have a urn'):
        ResourceHint.register_resource_hint('x', NamelessHint)
    with pytest.raises(TransformError, match="is a subclass of ResourceHint, got <class 'int'>"):
        ResourceHint.register_resource_hint('x', int)


def test_hints_from_options():
    options = PipelineOptions(['--resource_hint=min_ram=4GB', '--resource_hints=accelerator=type:gpu;k=v'])
    assert resource_hints_from_options(options) == {'min_ram': 4_000_000_000, 'accelerator': 'type:gpu;k=v'}
    assert resource_hints_from_options(PipelineOptions([], resource_hints={'cpu_count': 2})) == {'cpu_count': 2}
    assert resource_hints_from_options(PipelineOptions([])) == {}
    assert resource_hints_from_options(None) == {}
    with pytest.raises(TransformError, match="takes name=value, such as min_ram=4GB; got 'min_ram'"):
        resource_hints_from_options(PipelineOptions(['--resource_hint=min_ram']))
