"""Metrics: cells and their laws, how an update finds its container and its step, queries."""

from __future__ import annotations

import functools
import gc
import itertools
import pickle
import threading
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bourne.errors import TransformError
from bourne.sdk.metrics import Lineage, Metrics, MetricsFilter
from bourne.sdk.metrics import MetricResults as Results
from bourne.sdk.model import metric as model
from bourne.sdk.model.bounded_trie import BoundedTrie
from bourne.sdk.model.metric import (
    BoundedTrieCell,
    CounterCell,
    DistributionCell,
    DistributionResult,
    GaugeCell,
    GaugeResult,
    MetricKey,
    MetricName,
    MetricsContainer,
    StringSetCell,
    current_container,
    current_step,
    elements_name,
    register_program,
)


class SmallStringSetCell(StringSetCell):
    __slots__ = ()
    LIMIT = 6


numbers = st.integers(-5, 5)
paths = st.lists(st.sampled_from('abc'), min_size=1, max_size=4).map(tuple)
UPDATES = {
    CounterCell: st.tuples(numbers),
    DistributionCell: st.tuples(numbers),
    GaugeCell: st.tuples(numbers, st.integers(0, 3)),
    SmallStringSetCell: st.tuples(st.text('abc', max_size=3)),
    BoundedTrieCell: st.tuples(paths),
}


def filled(kind, updates):
    cell = kind()
    for update in updates:
        cell.update(*update)
    return cell


def merged(*cells):
    total = pickle.loads(pickle.dumps(cells[0]))
    for cell in cells[1:]:
        before = pickle.dumps(cell)
        total.merge(cell)
        assert pickle.loads(before) == cell
    return total


@pytest.mark.parametrize('kind', UPDATES, ids=lambda kind: kind.__name__)
@given(data=st.data())
def test_cells_merge_in_any_order_and_grouping(kind, data):
    a, b, c = (filled(kind, data.draw(st.lists(UPDATES[kind], max_size=8))) for _ in range(3))
    assert merged(a, b) == merged(b, a)
    assert merged(merged(a, b), c) == merged(a, merged(b, c))
    assert merged(a, kind()) == a == merged(kind(), a)


@pytest.mark.parametrize('kind', [CounterCell, DistributionCell, SmallStringSetCell, BoundedTrieCell],
                         ids=lambda kind: kind.__name__)
@given(data=st.data())
def test_a_merge_is_the_updates_of_both(kind, data):
    first, second = (data.draw(st.lists(UPDATES[kind], max_size=10)) for _ in range(2))
    assert merged(filled(kind, first), filled(kind, second)) == filled(kind, first + second)


@given(st.lists(numbers, min_size=1))
def test_a_distribution_is_what_it_says(values):
    found = filled(DistributionCell, [(value,) for value in values]).result()
    assert found == (sum(values), len(values), min(values), max(values))
    assert found.mean == sum(values) / len(values)


def test_a_distribution_of_nothing():
    found = DistributionCell().result()
    assert (found, found.mean) == (DistributionResult(0, 0, None, None), None)
    assert repr(filled(DistributionCell, [(2,), (4,)]).result()) == \
        'DistributionResult(sum=6, count=2, min=2, max=4, mean=3.0)'


def test_a_gauge_holds_the_value_set_last():
    gauge = filled(GaugeCell, [(1, 10.0), (5, 10.0), (2, 10.0), (9, 3.0)])
    assert gauge.result() == GaugeResult(2, 10.0)
    assert GaugeCell().result() == GaugeResult(None, 0)


@given(st.sets(st.text('abc', min_size=1, max_size=3)))
def test_a_string_set_keeps_the_first_texts_in_order(texts):
    cell = filled(SmallStringSetCell, [(text,) for text in texts])
    sums = itertools.accumulate(map(len, sorted(texts)))
    kept = {text for text, total in zip(sorted(texts), sums) if total <= SmallStringSetCell.LIMIT}
    assert cell.result() == kept
    assert cell.truncated == (kept != texts)


def small_trie(paths_, bound=4):
    trie = BoundedTrie(bound)
    for path in paths_:
        trie.add(path)
    return trie


@given(st.lists(paths, max_size=30), st.lists(paths, max_size=30))
def test_a_bounded_trie_covers_all_within_its_bound(first, second):
    one, two = small_trie(first), small_trie(second)
    both, turned = one.copy(), two.copy()
    both.merge(two)
    turned.merge(one)
    assert both == turned
    for trie, added in ((one, first), (two, second), (both, first + second)):
        assert trie.size() == len(list(trie.flattened())) <= 4
        assert all(trie.contains(path) for path in added)
        assert bool(trie) == bool(added)


@given(st.lists(paths, max_size=30))
def test_a_bounded_trie_that_is_not_cut_is_the_set_of_longest_paths(added):
    longest = {path for path in added if not any(other[:len(path)] == path != other for other in added)}
    assert set(small_trie(added, 1000).flattened()) == {(*path, False) for path in longest}


def test_a_bounded_trie_is_cut_where_most_paths_are():
    trie = small_trie([('a/', '1'), ('a/', '2'), ('a/', '3'), ('b/', '1'), ('b/', '2')])
    assert list(trie.flattened()) == [('a/', True), ('b/', '1', False), ('b/', '2', False)]
    assert repr(trie) == '{a/*, b/1, b/2}'
    assert (trie.contains(('a/', '9', 'x')), trie.contains(('b/', '9')), trie.contains(('b/',))) == (
        True, False, True)
    assert small_trie([('1',), ('2',), ('3',), ('4',), ('5',)]).size() == 1


@pytest.mark.parametrize('path', ['text', (), (1,)])
def test_what_is_no_path(path):
    with pytest.raises(TransformError, match='takes a path as a tuple of strings, got') as error:
        small_trie([path])
    assert repr(path) in str(error.value)


SOURCE = """
def program(first, second):
    first()
    for _ in range(2):
        second()
    return lambda: first()
"""


@pytest.fixture
def program():
    """A registered function whose third line belongs to step A, and the fifth to step B."""
    names = {}
    exec(compile(SOURCE, '<program>', 'exec'), names)
    register_program(names['program'].__code__, {3: 'A', 5: 'B'}.get)
    return names.pop('program')


COUNTER = Metrics.counter('ns', 'count')
ALL = [
    ('counter', COUNTER.inc, 1),
    ('distribution', lambda: Metrics.distribution('ns', 'd').update(4), (4, 1, 4, 4)),
    ('gauge', lambda: Metrics.gauge('ns', 'g').set(3), (3, 7.5)),
    ('string_set', lambda: Metrics.string_set('ns', 's').add('x'), {'x'}),
    ('bounded_trie', lambda: Metrics.bounded_trie('ns', 't').add(('x', 'y')), small_trie([('x', 'y')])),
]


@pytest.mark.parametrize(('kind', 'update', 'value'), ALL, ids=[kind for kind, *_ in ALL])
def test_an_update_goes_to_the_step_that_runs(program, kind, update, value):
    container = MetricsContainer(clock=lambda: 7.5)
    update()
    with current_container(container):
        program(lambda: None, functools.partial(lambda nested: nested(), update))
        program(update, lambda: None)
    update()
    found = {key.step: cell.result() for found_kind, key, cell in container.items() if found_kind == kind}
    assert found['A'] == value
    assert set(found) == {'A', 'B'}
    if kind == 'counter':
        assert found['B'] == 2


def test_outside_of_a_program_the_default_step_counts(program):
    container = MetricsContainer('Default')
    with current_container(container):
        COUNTER.inc(5)
        COUNTER.dec(2)
        # Called twice: by the program, and by a function that it made and that is not registered.
        program(COUNTER.inc, lambda: None)()
        assert current_step() == 'Default'
        steps = []
        program(lambda: steps.append(current_step()), lambda: None)
        assert steps == ['A']
    assert container.counter('Default', COUNTER.metric_name).value == 4
    assert current_step() is None


def test_metrics_of_the_whole_run_have_no_step(program):
    container = MetricsContainer('Default')
    gauge = Metrics.gauge('ns', 'g', process_wide=True)
    with current_container(container):
        program(lambda: gauge.set(1), lambda: None)
    assert [key.step for _, key, _ in container.items()] == ['']


def test_containers_nest_and_belong_to_their_thread():
    outer, inner = MetricsContainer('S'), MetricsContainer('S')
    with current_container(outer):
        with suppress(KeyError), current_container(inner):
            COUNTER.inc()
            raise KeyError
        COUNTER.inc(2)
        with current_container(None):
            COUNTER.inc(100)
        thread = threading.Thread(target=COUNTER.inc)
        thread.start()
        thread.join()
    assert (inner.counter('S', COUNTER.metric_name).value, outer.counter('S', COUNTER.metric_name).value) == (1, 2)


def test_a_program_is_forgotten_with_its_code(program):
    place = id(program.__code__)
    assert place in model.PROGRAMS
    names = {}
    exec(compile(SOURCE, '<program>', 'exec'), names)
    other = id(names['program'].__code__)
    register_program(names['program'].__code__, {}.get)
    assert other in model.PROGRAMS
    names.clear()
    gc.collect()
    assert other not in model.PROGRAMS
    assert place in model.PROGRAMS


def test_handles_and_containers_travel():
    for handle in (COUNTER, Metrics.distribution('ns', 'd', process_wide=True), Metrics.string_set('ns', 's')):
        again = pickle.loads(pickle.dumps(handle))
        assert type(again) is type(handle)
        assert (again.metric_name, again.process_wide) == (handle.metric_name, handle.process_wide)
    container = MetricsContainer('S', clock=lambda: 3.0)
    with current_container(container):
        for _, update, _ in ALL:
            update()
    again = pickle.loads(pickle.dumps(container))
    assert again == container
    assert again.default_step == 'S'


@settings(max_examples=30)
@given(st.lists(st.tuples(st.sampled_from('AB'), st.sampled_from('xy'), numbers)), st.integers(1, 4))
def test_containers_of_bundles_merge_to_that_of_the_run(updates, bundles):
    parts = [MetricsContainer() for _ in range(bundles)]
    whole, total = MetricsContainer(), MetricsContainer()
    for number, (step, name, n) in enumerate(updates):
        for container in (parts[number % bundles], whole):
            container.counter(step, MetricName('ns', name)).inc(n)
            container.distribution(step, MetricName('ns', name)).update(n)
    for part in parts:
        total.merge(part)
    assert total == whole == whole.copy()
    total.counter('A', MetricName('ns', 'x')).inc()
    assert whole.copy() == whole


@pytest.mark.parametrize(('update', 'message'), [
    (lambda: Metrics.distribution('ns', 'd').update('x'), "the distribution ns:d takes numbers, got 'x' (str)"),
    (lambda: Metrics.gauge('ns', 'g').set('x'), "the gauge ns:g takes a number, got 'x' (str)"),
    (lambda: Metrics.string_set('ns', 's').add(3), 'the string_set ns:s takes strings, got 3 (int)'),
    (lambda: Metrics.counter('', 'n'), "the namespace of a metric must not be empty: MetricName('', 'n')"),
    (lambda: Metrics.gauge('ns', ''), "the name of a metric must not be empty: MetricName('ns', '')"),
    (lambda: Metrics.counter(3, 'n'), 'the namespace of a metric is a string or a class, got 3 (int)'),
    (lambda: MetricsFilter().with_names('abc'), "with_names takes several names, got 'abc'; use with_name"),
    (lambda: Lineage('inputs'), "lineage is kept for Lineage.SOURCE and Lineage.SINK, got 'inputs'"),
])
def test_what_is_refused(update, message):
    container = MetricsContainer('S')
    with current_container(container), pytest.raises(TransformError) as error:
        update()
    assert str(error.value) == message
    assert all(cell.result().count == 0 for _, _, cell in container.items())


def test_names():
    assert Metrics.get_namespace(MetricsFilter) == 'bourne.sdk.metric_results.MetricsFilter'
    assert str(MetricName('n', 'm')) == 'MetricName(namespace=n, name=m)'
    assert str(MetricName(None, None, 'u')) == 'MetricName(namespace=None, name=None, urn=u)'
    assert repr(COUNTER) == "Counter('ns', 'count')"
    assert isinstance(COUNTER, Metrics.DelegatingCounter)


@pytest.mark.parametrize(('step', 'label', 'found'), [
    ('Step1', 'Step1', True), ('Step1', 'Step10', False), ('Step1', 'Step10/Step1', True),
    ('Top/Outer/Inner', 'Top/Outer/Inner', True), ('Top/Outer', 'Top/Outer/Inner', True),
    ('Outer/Inner', 'Top/Outer/Inner', True), ('Top/Inner', 'Top/Outer/Inner', False), ('Top', '', False),
])
def test_a_filter_by_step_matches_successive_parts(step, label, found):
    assert Results.matches(MetricsFilter().with_step(step), MetricKey(label, MetricName('ns', 'n'))) is found


@pytest.fixture
def results():
    container = MetricsContainer()
    container.counter('B', MetricName('ns', 'n')).inc(2)
    container.counter('A/B', MetricName('ns', 'n')).inc(1)
    container.counter('A', MetricName('other', 'm')).inc(0)
    container.counter('A', elements_name()).inc(10)
    container.counter('A', elements_name('bad')).inc(3)
    container.distribution('A', MetricName('ns', 'd')).update(4)
    return Results(container)


def test_a_query_without_filter_finds_all_that_users_made(results):
    found = results.query()
    assert set(found) == {'counters', 'distributions', 'gauges', 'string_sets', 'bounded_tries'}
    assert [(result.key.step, result.key.metric.name, result.committed) for result in found['counters']] == [
        ('A', 'm', 0), ('A/B', 'n', 1), ('B', 'n', 2)]
    assert found['distributions'][0].result.max == 4
    assert found['gauges'] == []


@pytest.mark.parametrize(('wanted', 'found'), [
    (MetricsFilter().with_metric(Metrics.counter('ns', 'n')).with_step('A'), [1]),
    (MetricsFilter().with_name('n'), [1, 2]),
    (MetricsFilter().with_names(['n', 'm']).with_namespaces(['other']), [0]),
    (MetricsFilter().with_namespace('bourne'), [10, 3]),
    (MetricsFilter().with_steps(['B', 'C']), [1, 2]),
    (MetricsFilter().with_name('none'), []),
])
def test_a_query_with_a_filter(results, wanted, found):
    assert [result.attempted for result in results.query(wanted)['counters']] == found


def test_elements_that_transforms_put_out(results):
    assert results.elements('A') == {None: 10, 'bad': 3}
    assert results.elements('none') == {}


def test_committed_and_attempted():
    committed, attempted = MetricsContainer(), MetricsContainer()
    name = MetricName('ns', 'n')
    attempted.counter('S', name).inc(5)
    attempted.counter('T', name).inc(7)
    committed.counter('S', name).inc(4)
    first, second = Results(committed, attempted).query()['counters']
    assert (first.committed, first.attempted, first.result) == (4, 5, 4)
    assert (second.committed, second.attempted, second.result) == (None, 7, 7)


def test_results_are_readable(results):
    assert repr(results) == '<MetricResults: 3 counters, 1 distributions>'
    assert results.table() == str(results) == (
        'A    ns:d     sum=4 count=1 min=4 max=4 mean=4\n'
        'A    other:m  0\n'
        'A/B  ns:n     1\n'
        'B    ns:n     2')
    assert repr(Results(MetricsContainer())) == '<MetricResults: none>'
    assert repr(MetricsFilter().with_name('n')) == "MetricsFilter(names=['n'])"


def test_a_string_set_that_was_cut_says_so(monkeypatch):
    monkeypatch.setattr(StringSetCell, 'LIMIT', 3)
    container = MetricsContainer('S')
    with current_container(container):
        for text in ('aa', 'bb'):
            Metrics.string_set('ns', 's').add(text)
    with pytest.warns(UserWarning, match="the string set ns:s of 'S' had more than 3 characters"):
        assert Results(container).query()['string_sets'][0].result == {'aa'}


def test_lineage():
    container = MetricsContainer()
    with current_container(container):
        Lineage.sources().add('bigquery', 'project', 'table')
        Lineage.sources().add('gcs', 'bucket', 'dir/a.txt', last_segment_sep='/')
        Lineage.sources().add('system:segment')
        for number in range(150):
            Lineage(Lineage.SINK).add('gcs', 'bucket', f'dir/{number}', subtype='s', last_segment_sep='/')
    found = Results(container)
    assert Lineage.query(found, Lineage.SOURCE) == {
        'bigquery:project.table', 'gcs:bucket.dir/a.txt', 'system:segment'}
    assert Lineage.query(found, Lineage.SINK) == {'gcs:s:bucket.dir/*'}
    assert Lineage.query(found, Lineage.SINK, truncated_marker='...') == {'gcs:s:bucket.dir/...'}


@pytest.mark.parametrize(('parts', 'subtype', 'name'), [
    (('a', 'b'), None, 'sys:a.b'),
    (('a.b', 'c:d'), 'sub', 'sys:sub:`a.b`.`c:d`'),
    (('`a.b`', 'c d'), None, 'sys:`a.b`.`c d`'),
])
def test_fully_qualified_names(parts, subtype, name):
    assert Lineage.get_fq_name('sys', *parts, subtype=subtype) == name
