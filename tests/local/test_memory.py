"""Data larger than the memory budget: the same results, from disk, and nothing left there."""

from __future__ import annotations

import ast
import errno
import io
import json
import math
import os
import pickle
import random
import sys
import tempfile
import tracemalloc
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bourne.engine.blocks import MemoryStore
from bourne.engine.bundle import Bundle, join
from bourne.engine.memory import estimate
from bourne.engine.oversize import StoredValues
from bourne.errors import ExecutionError
from bourne.io.jsonio import WriteToJson
from bourne.io.textio import WriteToText
from bourne.runners.common.encoding import Codec
from bourne.runners.common.filestore import FileStore
from bourne.runners.common.spillstore import SpillStore
from bourne.runners.common.squeezing import VAIN, Squeezer
from bourne.runners.local import runner
from bourne.sdk.model.known import short
from bourne.sdk.options import PipelineOptions
from bourne.sdk.testing import TestPipeline, assert_that, equal_to
from bourne.sdk.transforms.combine import CombinePerKey
from bourne.sdk.transforms.create import Create
from bourne.sdk.transforms.group import CoGroupByKey, GroupByKey, Reshuffle
from bourne.sdk.transforms.pardo import Map

WORKERS = ('--workers=1', '--workers=2')


def pipeline(folder: Path, *flags: str) -> TestPipeline:
    return TestPipeline(options=PipelineOptions([f'--temp_dir={folder}', *flags]))


def twice(pair: Any) -> Any:
    """The key, where its values are, and what iterating over them gives, twice."""
    key, values = pair
    return key, type(values).__name__, sum(values), sum(1 for _ in values), len(values)


@pytest.mark.parametrize('workers', WORKERS)
def test_one_key_has_half_of_the_data(tmp_path: Path, workers: str) -> None:
    count = 20_000
    with pipeline(tmp_path, workers, '--memory_budget=200KB') as p:
        pairs = p | Create(range(count)) | Map(lambda x: (0 if x % 2 else x, x))
        large = pairs | GroupByKey() | 'Twice' >> Map(twice) | 'Large' >> Map(lambda row: row if row[0] == 0 else None)
        odd = range(1, count, 2)
        total, values = sum(odd), len(odd) + 1
        assert_that(large, equal_to([(0, 'StoredValues', total, values, values)] + [None] * (count // 2 - 1)))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize('workers', WORKERS)
def test_values_on_disk_move_on_and_stay_there(tmp_path: Path, workers: str) -> None:
    with pipeline(tmp_path, workers, '--memory_budget=200KB') as p:
        groups = p | Create(range(20_000)) | Map(lambda x: (x % 3 if x < 10 else 7, x)) | GroupByKey()
        found = groups | Reshuffle() | Map(twice) | 'Large' >> Map(lambda row: row if row[0] == 7 else None)
        again = groups | 'Key' >> Map(lambda pair: (pair[0], pair)) | 'Again' >> GroupByKey()
        nested = again | 'Nested' >> Map(lambda row: sum(len(values) for _, values in row[1]))
        total = sum(range(10, 20_000))
        assert_that(found, equal_to([(7, 'StoredValues', total, 19_990, 19_990), None, None, None]), 'found')
        assert_that(nested, equal_to([19_990, 4, 3, 3]), 'nested')
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize('workers', WORKERS)
def test_output_does_not_tell_where_values_were(tmp_path: Path, workers: str) -> None:
    with pipeline(tmp_path, workers, '--memory_budget=100KB') as p:
        groups = p | Create(range(20_000)) | Map(lambda x: (x % 2, x)) | GroupByKey()
        groups | WriteToText(str(tmp_path / 'text'), num_shards=1)
        rows = groups | 'Row' >> Map(lambda pair: {'key': pair[0], 'values': pair[1]})
        rows | WriteToJson(str(tmp_path / 'json'), num_shards=1, default_handler=str)
        assert_that(groups | 'Kind' >> Map(lambda pair: type(pair[1]).__name__), equal_to(['StoredValues'] * 2))
    lines, objects = ((tmp_path / f'{kind}-00000-of-00001').read_text().splitlines() for kind in ('text', 'json'))
    expected = {key: [*range(key, 20_000, 2)] for key in (0, 1)}
    assert {key: sorted(values) for key, values in map(ast.literal_eval, lines)} == expected
    assert {row['key']: sorted(row['values']) for row in map(json.loads, objects)} == expected


@pytest.mark.parametrize('workers', WORKERS)
def test_a_large_key_in_one_input_of_a_join(tmp_path: Path, workers: str) -> None:
    with pipeline(tmp_path, workers, '--memory_budget=200KB') as p:
        left = p | 'left' >> Create(range(10_000)) | 'l' >> Map(lambda x: (x % 3 if x < 10 else 7, x))
        right = p | 'right' >> Create([(0, 'a'), (7, 'b'), (8, 'c')])
        joined = {'left': left, 'right': right} | CoGroupByKey()
        sizes = joined | 'Sizes' >> Map(lambda row: (row[0], len(row[1]['left']), list(row[1]['right'])))
        assert_that(sizes, equal_to([(0, 4, ['a']), (1, 3, []), (2, 3, []), (7, 9_990, ['b']), (8, 0, ['c'])]))
    assert list(tmp_path.iterdir()) == []


def test_values_outlive_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runner, 'default_budget', lambda: 200_000)
    found = dict([(x % 2 and x, x) for x in range(10_000)] | GroupByKey())
    assert type(found[0]) is list
    assert sorted(found[0]) == list(range(0, 10_000, 2))


@pytest.mark.parametrize(('quota', 'expected'), [('max 100000', 8), ('150000 100000', 1), ('400000 100000', 4),
                                                 ('10000 100000', 1), (None, 8)])
def test_a_container_has_fewer_cores(monkeypatch: pytest.MonkeyPatch, quota: str | None, expected: int) -> None:
    def fake_open(path: str, **_: Any) -> io.StringIO:
        if quota is None:
            raise FileNotFoundError(path)
        return io.StringIO(quota)

    monkeypatch.setattr('builtins.open', fake_open)
    monkeypatch.setattr(os, 'sched_getaffinity', lambda process: set(range(8)), raising=False)
    assert runner.cores() == expected


@pytest.mark.parametrize('workers', WORKERS)
def test_many_keys_combined_with_small_tables(tmp_path: Path, workers: str) -> None:
    with pipeline(tmp_path, workers, '--memory_budget=100KB', '--bundle_size=500') as p:
        sums = p | Create(range(30_000)) | Map(lambda x: (x % 10_000, x)) | CombinePerKey(sum)
        assert_that(sums, equal_to([(key, 3 * key + 30_000) for key in range(10_000)]))
    assert list(tmp_path.iterdir()) == []


def test_a_failing_run_leaves_nothing(tmp_path: Path) -> None:
    p = pipeline(tmp_path, '--memory_budget=10KB')
    (p | Create(range(5_000)) | Map(lambda x: (x % 10, x)) | GroupByKey()
     | 'Fail' >> Map(lambda pair: 1 / 0))
    with pytest.raises(ZeroDivisionError):
        p.run()
    assert list(tmp_path.iterdir()) == []


def test_values_on_disk_behave_like_a_list() -> None:
    store = MemoryStore()
    blocks = [store.put(Bundle(values)) for values in ([1, 3], [1], [3])]
    values = StoredValues(store, blocks)
    assert list(values) == list(values) == [1, 3, 1, 3]
    assert [values[index] for index in (0, -1, 1, 2, -4)] == [1, 3, 3, 1, 1]
    assert (values[1:3], len(values), 3 in values) == ([3, 1], 4, True)
    assert pickle.loads(pickle.dumps(values)) == [1, 3, 1, 3]
    assert f'{values} {("k", values)}' == "[1, 3, 1, 3] ('k', [1, 3, 1, 3])"
    assert short(('k', values)) == "('k', <4 values on disk>)"
    assert ('k', values) == ('k', [1, 3, 1, 3])
    assert values == StoredValues(store, blocks)
    assert [1, 3, 1, 2] != values != [1, 3, 1]
    assert values != (1, 3, 1, 3)
    for index in (4, -5):
        with pytest.raises(IndexError, match=f'there are 4 values, and no number {index}'):
            values[index]


def test_blocks_go_to_disk_past_the_budget_and_come_back(tmp_path: Path) -> None:
    bundle = Bundle([('key', number) for number in range(1_000)], 5, 'window')
    store = SpillStore(2 * estimate(bundle) + 1, FileStore(tmp_path, 'part'))
    blocks = [store.put(bundle) for _ in range(5)]
    assert [block.resident for block in blocks] == [True, True, False, False, False]
    assert all(store.get(block) == bundle for block in blocks)
    assert len(list(tmp_path.iterdir())) == 1
    store.free(blocks)
    assert list(tmp_path.iterdir()) == []
    assert store.put(bundle).resident


@given(st.lists(st.tuples(st.integers(0, 3), st.lists(st.text(max_size=5), max_size=9), st.booleans()), max_size=20),
       st.integers(0, 400))
def test_bundles_that_share_a_block_come_back_in_order(given_: list[tuple[int, list[str], bool]], waiting: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        store = FileStore(folder, 'part')
        packer = store.packer(waiting)
        expected: dict[int, list[Any]] = {}
        for number, (place, values, listed) in enumerate(given_):
            bundle = Bundle(values, [number] * len(values) if listed else number)
            packer.add(place, bundle, 10)
            expected.setdefault(place, []).extend(bundle.rows())
        packer.flush()
        store.seal()
        found = {place: [row for block in blocks for row in store.get(block).rows()]
                 for place, blocks in packer.blocks.items()}
        assert found == expected


def test_only_a_block_in_which_keys_may_stand_twice_is_mixed(tmp_path: Path) -> None:
    store = FileStore(tmp_path, 'part')
    packer = store.packer(1 << 20)
    for place, windows in enumerate([['p', 'q'], ['p', 'p'], [['p', 'q'], 'r'], [['p', 'q'], 'q'], [['p', 'p']]]):
        for window in windows:
            packer.add(place, Bundle([('a', 1), ('b', 2)], 0, window), 10)
    packer.flush()
    store.seal()
    assert [blocks[0].mixed for blocks in packer.blocks.values()] == [False, True, False, True, False]


@given(st.lists(st.lists(st.binary(max_size=3_000) | st.integers() | st.text()), min_size=1, max_size=4),
       st.sampled_from([3, [3]]), st.sampled_from(['w', ['w']]), st.booleans())
def test_encoded_bundles_come_back(many: list[list[Any]], time: Any, window: Any, by_value: bool) -> None:
    codec = Codec(by_value)
    bundles = [Bundle(values, *(column * len(values) if type(column) is list else column for column in (time, window)))
               for values in many]
    data = [part for bundle in bundles for part in codec.encode(bundle).parts]
    assert Codec().decode(memoryview(b''.join(data))) == join(bundles)
    assert sum(map(len, data)) == sum(codec.encode(bundle).length for bundle in bundles)


def test_buffers_are_not_copied_into_the_pickle() -> None:
    large = pickle.PickleBuffer(bytearray(b'x' * 100_000))
    parts = Codec().encode(Bundle([large])).parts
    assert [len(part) for part in parts][-1] == 100_000
    assert bytes(Codec().decode(memoryview(b''.join(parts))).values[0]) == b'x' * 100_000


def test_what_no_module_has_is_pickled_by_value() -> None:
    codec = Codec()
    bundle = codec.decode(memoryview(b''.join(codec.encode(Bundle([lambda: 5])).parts)))
    assert bundle.values[0]() == 5


def test_what_does_not_become_smaller_is_not_compressed(tmp_path: Path) -> None:
    store = FileStore(tmp_path, 'part', compress_after=0)
    for value, small in ((random.Random(1).randbytes(10_000), False), (b'x' * 10_000, False)):
        block = store.put(Bundle([value]))
        assert (block.ref[2] < 10_000) == small
        assert store.get(block).values == [value]
    for _ in range(VAIN):
        block = store.put(Bundle([b'x' * 10_000]))
    assert block.ref[2] < 1_000
    assert store.get(block).values == [b'x' * 10_000]
    store.seal()


@pytest.mark.parametrize('installed', [True, False])
def test_compression_with_and_without_zstandard(monkeypatch: pytest.MonkeyPatch, installed: bool) -> None:
    if not installed:
        monkeypatch.setitem(sys.modules, 'zstandard', None)
    parts = [b'some text ' * 1_000, b'', memoryview(b'and more ' * 1_000_000)]
    whole = b''.join(parts)
    found = Squeezer().compress(parts, len(whole))
    assert found is not None
    small = b''.join(found)
    assert len(small) < 100_000
    assert Squeezer().decompress(memoryview(small)) == whole


def traced(function: Any) -> int:
    """How many bytes of memory a function takes at most."""
    tracemalloc.start()
    try:
        function()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize('installed', [True, False])
def test_what_is_not_worth_it_is_soon_given_up(monkeypatch: pytest.MonkeyPatch, installed: bool) -> None:
    if not installed:
        monkeypatch.setitem(sys.modules, 'zstandard', None)
    parts = [random.Random(1).randbytes(8_000_000)] * 4
    squeezer = Squeezer()
    assert traced(lambda: squeezer.compress(parts, 32_000_000)) < 20_000_000
    for _ in range(VAIN):
        assert squeezer.compress([b'x' * 10_000], 10_000) is None
    found = squeezer.compress([b'x' * 10_000], 10_000)
    assert found is not None
    assert squeezer.decompress(memoryview(b''.join(found))) == b'x' * 10_000


def test_huge_elements_take_three_times_as_much_as_one_of_them(tmp_path: Path) -> None:
    size = 4_000_000
    p = pipeline(tmp_path, '--memory_budget=200KB')
    made = p | Create(range(6)) | Map(lambda x: (x % 2, random.Random(x).randbytes(size)))
    made | GroupByKey() | Map(lambda pair: [len(value) for value in pair[1]])
    assert traced(p.run) < 3 * size + 2_000_000


def test_a_full_disk_is_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = FileStore(str(tmp_path), 'part')
    store.put(Bundle([1]))

    class Full:
        def writelines(self, parts: Any) -> None:
            raise OSError(errno.ENOSPC, 'No space left on device')

        def close(self) -> None:
            pass

    store._file.close()
    monkeypatch.setattr(store, '_file', Full())
    with pytest.raises(ExecutionError, match=r'cannot keep \d+ bytes between two stages in .*: No space left .*'
                                             r'Choose another place with --temp_dir'):
        store.put(Bundle([2]))


@pytest.mark.skipif(sys.platform == 'win32', reason='there is no limit for the size of files')
@pytest.mark.parametrize('workers', WORKERS)
def test_what_a_full_disk_has_is_removed(tmp_path: Path, workers: str) -> None:
    import resource

    p = pipeline(tmp_path, workers, '--memory_budget=100KB')
    p | Create(range(20_000)) | 'Pair' >> Map(lambda x: (x, random.Random(x).randbytes(100))) | GroupByKey() | Map(len)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, before[1]))
    try:
        with pytest.raises(ExecutionError, match='Choose another place with --temp_dir') as caught:
            p.run()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert "in Map 'Pair'" in caught.value.__notes__[0]
    assert list(tmp_path.iterdir()) == []


#: Two megabytes, in parts of a size that counts.
SHARED = {number: 'z' * 20_000 + str(number) for number in range(100)}


def bump(pair: Any) -> Any:
    """Changes arrays in place."""
    key, values = pair
    total = 0.0
    for value in values:
        value += 1
        total += value.sum()
    return key, total


@pytest.mark.parametrize('flags', [[], ['--memory_budget=0'], ['--streaming']])
@pytest.mark.parametrize('workers', WORKERS)
def test_arrays_can_be_changed_in_place(tmp_path: Path, workers: str, flags: list[str]) -> None:
    numpy = pytest.importorskip('numpy')
    with pipeline(tmp_path, workers, *flags) as p:
        sums = p | Create(range(8)) | Map(lambda x: (x % 4, numpy.full(1_000, float(x)))) | GroupByKey() | Map(bump)
        assert_that(sums, equal_to([(key, 1_000.0 * (2 * key + 6)) for key in range(4)]))


@pytest.mark.parametrize('compress_after', [0, math.inf])
def test_an_array_that_is_changed_in_place_is_the_same_when_it_is_read_again(
        tmp_path: Path, compress_after: float) -> None:
    numpy = pytest.importorskip('numpy')
    store = FileStore(tmp_path, 'part', compress_after)
    constant = numpy.zeros(1_000)
    constant.flags.writeable = False
    block = store.put(Bundle([numpy.zeros(1_000), constant]))
    store.seal()
    for _ in range(2):
        changed, kept = store.get(block).values
        assert changed.sum() == 0
        changed += 1
        assert changed.sum() == 1_000
        assert not kept.flags.writeable


def test_arrays_from_bytes_that_others_have_are_copies() -> None:
    numpy = pytest.importorskip('numpy')
    codec = Codec()
    data = b''.join(codec.encode(Bundle([numpy.zeros(1_000)])).parts)
    (array,) = codec.decode(memoryview(data)).values
    array += 1
    assert codec.decode(memoryview(data)).values[0].sum() == 0


def nested(depth: int) -> Any:
    """Lists in lists."""
    value: Any = 'x' * 500
    for _ in range(depth):
        value = [value]
    return value


def test_elements_that_are_nested_without_end() -> None:
    with TestPipeline() as p:
        assert_that(p | Create([1]) | Map(lambda x: (x, nested(100_000))) | GroupByKey() | Map(len), equal_to([2]))


@pytest.mark.parametrize('flag', ['--memory_budget=1', '--workers=2'])
def test_elements_that_are_nested_too_deeply_for_pickle(tmp_path: Path, flag: str) -> None:
    p = pipeline(tmp_path, flag)
    p | Create([1]) | 'Nest' >> Map(lambda x: (x, nested(100_000))) | GroupByKey()
    with pytest.raises(ExecutionError, match=r'the element <tuple whose repr failed: RecursionError> \(tuple\) '
                                             r'cannot be pickled, .*deep') as caught:
        p.run()
    assert "in Map 'Nest'" in caught.value.__notes__[0]


class Vague:
    """Has what arrays have, and means something else by it."""

    nbytes = property(lambda self: 1 / 0)


@pytest.mark.parametrize(('values', 'least', 'most'), [
    ([], 0, 0),
    ([memoryview(bytes(10_000)) for _ in range(100)], 1_000_000, 1_100_000),
    ([nested(10) for _ in range(100)], 50_000, 200_000),
    ([Vague() for _ in range(100)], 5_000, 20_000),
    (list(range(1_000)), 30_000, 50_000),
    (['x' * 1_000 + str(n) for n in range(100)], 100_000, 120_000),
    ([('x' * n, ['y' * 2_000 + str(n)]) for n in range(100)], 200_000, 240_000),
    ([(n, SHARED) for n in range(1_000)], 2_000_000, 2_500_000),
    ([('key', {'a': [1, 2, 3]})] * 100, 30_000, 80_000),
])
def test_estimates_are_about_right(values: list[Any], least: int, most: int) -> None:
    assert least <= estimate(Bundle(values)) <= most


def test_estimates_of_arrays_are_about_right_whoever_owns_their_data() -> None:
    numpy = pytest.importorskip('numpy')
    large = numpy.zeros(100_000)
    for make, size in (
            (lambda n: numpy.zeros(1_000), 8_000),
            (lambda n: numpy.zeros(1_000).reshape(10, 100), 8_000),
            (lambda n: numpy.frombuffer(bytes(8_000)), 8_000),
            (lambda n: (n, [numpy.frombuffer(bytes(8_000)) for _ in range(30)]), 240_000),
            (lambda n: large[1_000 * n:1_000 * (n + 1)], 8_000),
            (lambda n: numpy.float64(n), 24)):
        assert 100 * size <= estimate(Bundle([make(n) for n in range(100)])) <= 110 * size + 10_000
