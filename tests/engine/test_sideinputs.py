"""Side inputs: views of what is in a window."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from bourne.engine.bundle import Bundle
from bourne.engine.sideinputs import MultiMap, make_view, side_input
from bourne.engine.windows import raw_windows
from bourne.errors import ExecutionError
from bourne.sdk.graph.nodes import SideView
from bourne.sdk.model.trigger import Windowing
from bourne.sdk.model.window import FixedWindows, GlobalWindows, IntervalWindow, SlidingWindows


def test_views() -> None:
    pairs = [('a', 1), ('b', 2)]
    assert make_view(SideView('singleton'), [5], 's') == 5
    assert make_view(SideView('singleton', True, 7), [], 's') == 7
    assert make_view(SideView('singleton', True, 7), [5], 's') == 5
    assert list(make_view(SideView('iter'), pairs, 's')) == pairs
    assert make_view(SideView('list'), pairs, 's') == pairs
    assert make_view(SideView('dict'), pairs, 's') == {'a': 1, 'b': 2}
    assert dict(make_view(SideView('multimap'), [*pairs, ('a', 3)], 's')) == {'a': [1, 3], 'b': [2]}


@pytest.mark.parametrize(('view', 'values', 'words'), [
    ('singleton', [], 'the side input s is looked at with AsSingleton, but has no element in the window; give it a '),
    ('singleton', [1, 2], 'with AsSingleton, but has 2 elements in the window, such as 1 and 2'),
    ('dict', [(1, 2), (1, 3)], 'the side input s is looked at with AsDict, but has the key 1 twice; use AsMultiMap'),
    ('dict', [5], 'a (key, value) pair is needed here, got 5 (int)'),
    ('multimap', [(1, 2, 3)], 'a (key, value) pair is needed here, got (1, 2, 3) (tuple)'),
])
def test_what_does_not_suit_a_view(view: str, values: list[Any], words: str) -> None:
    with pytest.raises(ExecutionError) as caught:
        make_view(SideView(view), values, 's')
    assert words in str(caught.value)


def test_a_multimap_is_a_mapping_with_nothing_for_other_keys() -> None:
    found = MultiMap([('a', 1), ('a', 2)])
    assert isinstance(found, Mapping)
    assert found['a'] == [1, 2]
    assert list(found['z']) == []
    assert 'z' not in found
    assert found.get('z') in (None, [])
    assert list(found) == ['a']
    assert len(found) == 1
    assert "'a'" in repr(found)


def test_the_window_that_holds_the_last_instant() -> None:
    raw = raw_windows(FixedWindows(10))
    encode = raw.encode
    bundles = [Bundle([1, 2], 0, [encode(IntervalWindow(0, 10)), encode(IntervalWindow(10, 20))]),
               Bundle([3, 4], 0, encode(IntervalWindow(10, 20)))]
    look = side_input(SideView('list'), bundles, Windowing(FixedWindows(10)), FixedWindows(5), 's')
    main = raw_windows(FixedWindows(5)).encode
    assert look(main(IntervalWindow(0, 5))) == [1]
    assert look(main(IntervalWindow(15, 20))) == [2, 3, 4]
    assert look(main(IntervalWindow(20, 25))) == []
    from_global = side_input(SideView('list'), bundles, Windowing(FixedWindows(10)), SlidingWindows(20, 5), 's')
    assert from_global(raw_windows(SlidingWindows(20, 5)).encode(IntervalWindow(-5, 15))) == [2, 3, 4]


def test_the_global_window_is_asked_for_with_none() -> None:
    look = side_input(SideView('list'), [Bundle([1]), Bundle([2])], Windowing(GlobalWindows()), FixedWindows(5), 's')
    assert look(None) == [1, 2]


def test_views_are_made_once() -> None:
    look = side_input(SideView('list'), [Bundle([1])], Windowing(GlobalWindows()), GlobalWindows(), 's')
    assert look(None) is look(None)
