"""Laws of the comparison without an order."""

from __future__ import annotations

import itertools
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from bourne.sdk.testing.compare import differences

SMALL = st.lists(st.integers(0, 6), max_size=6)
MIXED = st.lists(st.one_of(
    st.integers(0, 2), st.lists(st.integers(0, 1), max_size=2), st.sampled_from([1.0, True, '1']),
    st.sets(st.integers(0, 1)), st.frozensets(st.integers(0, 1))), max_size=6)


@given(MIXED, st.randoms())
def test_a_permutation_has_no_differences(elements: list[Any], random: Any) -> None:
    shuffled = list(elements)
    random.shuffle(shuffled)
    assert differences(elements, shuffled) == ([], [])


@given(MIXED, MIXED)
def test_what_is_left_can_be_put_back(expected: list[Any], actual: list[Any]) -> None:
    missing, unexpected = differences(expected, actual)
    assert len(expected) - len(missing) == len(actual) - len(unexpected)
    assert not any(one == other for one in missing for other in unexpected)
    for one in missing:
        assert one in expected
    for one in unexpected:
        assert one in actual


@given(SMALL, SMALL)
def test_as_many_as_possible_are_paired(expected: list[int], actual: list[int]) -> None:
    """Compared with trying every assignment, for an equality that is not transitive."""

    def close(wanted: int, got: int) -> bool:
        return abs(wanted - got) <= 1

    shorter, longer = sorted((expected, actual), key=len)
    best = max(sum(map(close, shorter, chosen)) for chosen in itertools.permutations(longer, len(shorter)))
    missing, unexpected = differences(expected, actual, close)
    assert len(missing) == len(expected) - best
    assert len(unexpected) == len(actual) - best


@given(SMALL, SMALL)
def test_the_verdict_is_symmetric(expected: list[int], actual: list[int]) -> None:
    missing, unexpected = map(sorted, differences(expected, actual))
    assert list(map(sorted, differences(actual, expected))) == [unexpected, missing]
