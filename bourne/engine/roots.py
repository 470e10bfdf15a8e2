"""What the operator at the head of a stage makes of the blocks that it takes: groups, combinations, or just bundles."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial
from importlib import import_module
from typing import Any

from bourne.engine.blocks import Block, BlockStore
from bourne.engine.bundle import Bundle
from bourne.engine.combining import folding, of_all, of_keys, of_nothing
from bourne.engine.grouping import group, group_inputs, is_timed
from bourne.engine.keyed import PANES, Keyed
from bourne.engine.keyhash import key_group, partition_of
from bourne.engine.oversize import Large, Piece, StoredValues, pieces
from bourne.engine.plan.stage import BY_KEY, MergeCombine, Op, Plan
from bourne.engine.windows import raw_windows
from bourne.sdk.graph.nodes import Combine, GroupByKey
from bourne.sdk.model.pane import ONLY_PANE
from bourne.sdk.model.timestamp import GLOBAL_END_MICROS, MAX_MICROS
from bourne.sdk.model.trigger import DEFAULT_WINDOWING, Windowing, goes_by_elements
from bourne.sdk.model.window import GLOBAL_WINDOW


def rooted(plan: Plan, root: Op, number: int, partitions: int, blocks: Mapping[str, list[Block]],
           store: BlockStore, limit: int | None) -> Iterator[Bundle]:
    """What a root operator gives to its stage.

    Args:
      plan: the plan.
      root: the operator.
      number: the partition at hand.
      partitions: how many there are.
      blocks: the partition's blocks, by collection.
      store: has them.
      limit: how many bytes groups may take in memory at the same time; ``None`` is no limit.
    """
    parts = [(port, block) for name, port in zip(root.inputs, root.ports, strict=True) for block in blocks[name]]
    if root.entry != BY_KEY:
        return (store.get(block) for _, block in parts)
    windowing = plan.collections[root.inputs[0]].windowing if root.inputs else DEFAULT_WINDOWING
    whole = Piece(parts, store, number, partitions)
    separable = not (isinstance(root.payload, MergeCombine) or is_timed(windowing)
                     or goes_by_elements(windowing.trigger))
    fitting = [whole] if limit is None else pieces(whole, limit, separable)
    made = (bundle for piece in fitting for bundle in _keyed(root, piece, windowing))
    if getattr(root.payload, 'default', False) and number == partition_of(key_group(None), partitions):
        return _or_default(made, root)
    return made


def _keyed(root: Op, piece: Piece, windowing: Windowing) -> Iterator[Bundle]:
    """What an operator that groups by key makes of a piece."""
    if goes_by_elements(windowing.trigger):
        return _panes(import_module(PANES).windowing_operator(root.payload, windowing), piece)
    match root.payload:
        case GroupByKey():
            return _groups(root.payload, piece, windowing)
        case Combine(fn=fn):
            return _combine(_groups(GroupByKey(), piece, windowing), fn)
        case MergeCombine(fn=fn):
            return _merge(piece, fn, windowing)
    raise AssertionError(root.payload)


def _panes(operator: Keyed, piece: Piece) -> Iterator[Bundle]:
    """The panes that fire as the elements come, and when the watermark goes from the beginning to the end."""
    for port, block in piece.parts:
        yield from operator.add(port, piece.store.get(block), 0)
    yield from operator.advance(MAX_MICROS, 0)


def _groups(payload: GroupByKey, piece: Piece, windowing: Windowing) -> Iterator[Bundle]:
    small = _in_memory(payload, ((port, piece.store.get(block)) for port, block in piece.parts), windowing)
    return _with_large(payload, small, windowing, piece.large) if piece.large else small


def _in_memory(payload: GroupByKey, parts: Iterable[tuple[int, Bundle]], windowing: Windowing) -> Iterator[Bundle]:
    if payload.tags is None:
        return group((bundle for _, bundle in parts), windowing)
    return group_inputs(parts, windowing, _names(payload), payload.as_dict)


def _names(payload: GroupByKey) -> Sequence[Any]:
    """Under what the values of each input are found in a result."""
    assert payload.tags is not None
    return payload.tags if payload.as_dict else range(len(payload.tags))


def _with_large(payload: GroupByKey, small: Iterator[Bundle], windowing: Windowing,
                large: Large) -> Iterator[Bundle]:
    """The groups in memory, and those of large keys, whose values are on disk."""
    left = dict(large)

    def value(ports: Mapping[int, StoredValues], others: Any) -> Any:
        if payload.tags is None:
            return ports[0]
        names = _names(payload)
        made = {names[port]: ports.get(port, others[names[port]] if others is not None else [])
                for port in range(len(names))}
        return made if payload.as_dict else tuple(made.values())

    for bundle in small:
        windows = bundle.windows if type(bundle.windows) is list else [bundle.windows] * len(bundle.values)
        for number, ((key, others), window) in enumerate(zip(bundle.values, windows, strict=True)):
            if (window, key) in left:
                bundle.values[number] = (key, value(left.pop((window, key)), others))
        yield bundle
    end = raw_windows(windowing.windowfn).end
    for (window, key), ports in left.items():
        yield Bundle([(key, value(ports, None))], end(window), window, ONLY_PANE)


def _combine(grouped: Iterator[Bundle], fn: Any) -> Iterator[Bundle]:
    for bundle in grouped:
        bundle.values = of_keys(bundle.values, partial(of_all, fn))
        yield bundle


def _merge(piece: Piece, fn: Any, windowing: Windowing) -> Iterator[Bundle]:
    """Merges the accumulators of each key, and extracts the results."""
    fold = folding(fn)
    single, several = _once_and_again([(piece.store.get(block), block.mixed) for _, block in piece.parts])
    for bundle in group(several, windowing):
        bundle.values = of_keys(bundle.values, fold.merge)
        single.append(bundle)
    for bundle in single:
        values = bundle.values
        if fold.extract is not None:
            values = of_keys(values, fold.extract)
        yield Bundle(values, bundle.timestamps, bundle.windows, ONLY_PANE)


def _once_and_again(found: list[tuple[Bundle, bool]]) -> tuple[list[Bundle], list[Bundle]]:
    """Bundles whose keys come in no other one, and the rest.

    A bundle of accumulators was flushed from one table, where a key and window stand once, unless it is mixed. So it
    shares keys only with bundles that hold some of its windows.
    """
    count: dict[Any, int] = {}
    windows = [set(bundle.windows) if type(bundle.windows) is list else {bundle.windows} for bundle, _ in found]
    for (_, mixed), those in zip(found, windows, strict=True):
        for window in those:
            count[window] = count.get(window, 0) + 1 + mixed
    alone = [all(count[window] == 1 for window in those) for those in windows]
    return ([bundle for (bundle, _), one in zip(found, alone, strict=True) if one],
            [bundle for (bundle, _), one in zip(found, alone, strict=True) if not one])


def _or_default(bundles: Iterator[Bundle], root: Op) -> Iterator[Bundle]:
    """The bundles or, if there are none, the combination of nothing."""
    empty = True
    for bundle in bundles:
        empty = False
        yield bundle
    if empty:
        yield Bundle([(None, of_nothing(root.fn))], GLOBAL_END_MICROS, GLOBAL_WINDOW, ONLY_PANE)
