"""Data larger than the memory budget: the same results, from disk, and nothing left there."""

from __future__ import annotations

import errno
import pickle
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bourne.engine.blocks import MemoryStore
from bourne.engine.bundle import Bundle
from bourne.engine.memory import estimate
from bourne.engine.oversize import Piece, StoredValues, pieces
from bourne.errors import ExecutionError
from bourne.runners.local.filestore import FileStore, decode, encode
from bourne.runners.local.spillstore import SpillStore
from bourne.sdk.options import PipelineOptions
from bourne.sdk.testing import TestPipeline, assert_that, equal_to
from bourne.sdk.transforms.combine import CombinePerKey
from bourne.sdk.transforms.create import Create
from bourne.sdk.transforms.group import CoGroupByKey, GroupByKey
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
def test_a_large_key_in_one_input_of_a_join(tmp_path: Path, workers: str) -> None:
    with pipeline(tmp_path, workers, '--memory_budget=200KB') as p:
        left = p | 'left' >> Create(range(10_000)) | 'l' >> Map(lambda x: (x % 3 if x < 10 else 7, x))
        right = p | 'right' >> Create([(0, 'a'), (7, 'b'), (8, 'c')])
        joined = {'left': left, 'right': right} | CoGroupByKey()
        sizes = joined | 'Sizes' >> Map(lambda row: (row[0], len(row[1]['left']), list(row[1]['right'])))
        assert_that(sizes, equal_to([(0, 4, ['a']), (1, 3, []), (2, 3, []), (7, 9_990, ['b']), (8, 0, ['c'])]))
    assert list(tmp_path.iterdir()) == []


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
    block = store.put(Bundle([('a', 1), ('b', 2), ('a', 3)]))
    values = StoredValues(store, [block, block], 'a', block.ref.windows, 4)
    assert list(values) == list(values) == [1, 3, 1, 3]
    assert (values[0], values[-1], values[1:3], len(values), 3 in values) == (1, 3, [3, 1], 4, True)
    assert pickle.loads(pickle.dumps(values)) == [1, 3, 1, 3]
    assert repr(values) == '<4 values on disk>'
    with pytest.raises(IndexError, match='there are 4 values, and no number 9'):
        values[9]


@given(st.lists(st.tuples(st.integers(0, 50) | st.text(max_size=2), st.integers())), st.integers(1, 3_000))
def test_pieces_have_every_element_once_and_keep_keys_together(pairs: list[tuple[Any, int]], limit: int) -> None:
    store = MemoryStore()
    parts = [(0, store.put(Bundle(pairs[start:start + 7]))) for start in range(0, len(pairs), 7)]
    found: list[tuple[Any, int]] = []
    seen: set[Any] = set()
    for piece in pieces(Piece(parts, store, 0, 1), limit):
        elements = [pair for _, block in piece.parts for pair in store.get(block).values]
        keys = {key for key, _ in elements}
        assert not keys & seen
        seen |= keys
        found += elements
    assert Counter(found) == Counter(pairs)


def test_blocks_go_to_disk_past_the_budget_and_come_back(tmp_path: Path) -> None:
    bundle = Bundle([('key', number) for number in range(1_000)], 5, 'window')
    store = SpillStore(2 * estimate(bundle) + 1, str(tmp_path))
    blocks = [store.put(bundle) for _ in range(5)]
    assert [isinstance(block.ref, Bundle) for block in blocks] == [True, True, False, False, False]
    assert all(store.get(block) == bundle for block in blocks)
    (folder,) = tmp_path.iterdir()
    assert len(list(folder.iterdir())) == 1
    store.free(blocks)
    assert list(folder.iterdir()) == []
    assert isinstance(store.put(bundle).ref, Bundle)
    store.close()
    assert list(tmp_path.iterdir()) == []


@given(st.lists(st.binary(max_size=3_000) | st.integers() | st.text()), st.booleans())
def test_encoded_bundles_come_back(values: list[Any], listed: bool) -> None:
    bundle = Bundle(values, list(range(len(values))) if listed else 3)
    assert decode(memoryview(b''.join(encode(bundle)))) == bundle


def test_buffers_are_not_copied_into_the_pickle() -> None:
    large = pickle.PickleBuffer(bytearray(b'x' * 100_000))
    parts = encode(Bundle([large]))
    assert [len(part) for part in parts][-1] == 100_000
    assert bytes(decode(memoryview(b''.join(parts))).values[0]) == b'x' * 100_000


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


@pytest.mark.parametrize(('values', 'least', 'most'), [
    ([], 0, 0),
    (list(range(1_000)), 30_000, 50_000),
    (['x' * 1_000] * 100, 100_000, 120_000),
    ([('key', {'a': [1, 2, 3]})] * 100, 30_000, 80_000),
])
def test_estimates_are_about_right(values: list[Any], least: int, most: int) -> None:
    assert least <= estimate(Bundle(values)) <= most
