"""``Create``: how its elements are shared out, and what they weigh."""

from __future__ import annotations

from bourne.sdk.transforms.create import UNKNOWN, CreateSource


class Shy:
    """Does not tell its size."""

    def __sizeof__(self) -> int:
        return 'none'  # type: ignore[return-value]


def test_what_does_not_tell_its_size_is_taken_for_small() -> None:
    source = CreateSource(tuple(Shy() for _ in range(100)))
    assert [source.size(split) for split in source.splits(2)] == [50 * UNKNOWN, 50 * UNKNOWN]


def test_few_elements_are_shared_out() -> None:
    assert CreateSource((1, 2, 3)).splits(2) == [(0, 1), (1, 3)]
    assert CreateSource((1, 2, 3)).splits(9) == [(0, 1), (1, 2), (2, 3)]
    assert CreateSource(()).splits(2) == []
