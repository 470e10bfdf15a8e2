"""What the operator at the head of a stage makes of the blocks that it takes: groups, combinations, or just bundles."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from bourne.engine.blocks import Block, BlockStore
from bourne.engine.bundle import Bundle
from bourne.engine.combining import folding, of_all, of_nothing
from bourne.engine.grouping import group, group_inputs
from bourne.engine.keyhash import key_group, partition_of
from bourne.engine.plan.stage import MergeCombine, Op, Plan
from bourne.sdk.graph.nodes import Combine, GroupByKey
from bourne.sdk.model.pane import ONLY_PANE
from bourne.sdk.model.timestamp import GLOBAL_END_MICROS
from bourne.sdk.model.trigger import DEFAULT_WINDOWING, Windowing
from bourne.sdk.model.window import GLOBAL_WINDOW


def rooted(plan: Plan, root: Op, number: int, partitions: int, blocks: Mapping[str, list[Block]],
           store: BlockStore) -> Iterator[Bundle]:
    """What a root operator gives to its stage.

    Args:
      plan: the plan.
      root: the operator.
      number: the partition at hand.
      partitions: how many there are.
      blocks: the partition's blocks, by collection.
      store: has them.
    """
    owns_none = number == partition_of(key_group(None), partitions)
    inputs = zip(root.inputs, root.ports, strict=True)
    parts = ((port, store.get(block)) for name, port in inputs for block in blocks[name])
    bundles = (bundle for _, bundle in parts)
    windowing = plan.collections[root.inputs[0]].windowing if root.inputs else DEFAULT_WINDOWING
    match root.payload:
        case GroupByKey(tags=None):
            return group(bundles, windowing)
        case GroupByKey(tags=tags, as_dict=as_dict) if tags is not None:
            return group_inputs(parts, windowing, tags if as_dict else range(len(tags)), as_dict)
        case Combine(fn=fn, default=default):
            return _or_default(_combine(group(bundles, windowing), fn), root, default and owns_none)
        case MergeCombine(fn=fn, default=default):
            return _or_default(_merge(bundles, fn, windowing), root, default and owns_none)
    return bundles


def _combine(grouped: Iterator[Bundle], fn: Any) -> Iterator[Bundle]:
    for bundle in grouped:
        bundle.values = [(key, of_all(fn, values)) for key, values in bundle.values]
        yield bundle


def _merge(bundles: Iterable[Bundle], fn: Any, windowing: Windowing) -> Iterator[Bundle]:
    """Merges the accumulators of each key, and extracts the results."""
    fold = folding(fn)
    single, several = _once_and_again(list(bundles))
    for bundle in group(several, windowing):
        bundle.values = [(key, fold.merge(parts)) for key, parts in bundle.values]
        single.append(bundle)
    for bundle in single:
        values = bundle.values
        if fold.extract is not None:
            extract = fold.extract
            values = [(key, extract(accumulator)) for key, accumulator in values]
        yield Bundle(values, bundle.timestamps, bundle.windows, ONLY_PANE)


def _once_and_again(bundles: list[Bundle]) -> tuple[list[Bundle], list[Bundle]]:
    """Bundles whose keys come in no other one, and the rest.

    A bundle of accumulators was flushed from one table, where a key and window stand once. So it shares keys only
    with bundles that hold some of its windows.
    """
    if len(bundles) == 1:
        return list(bundles), []
    count: dict[Any, int] = {}
    windows = [set(bundle.windows) if type(bundle.windows) is list else {bundle.windows} for bundle in bundles]
    for found in windows:
        for window in found:
            count[window] = count.get(window, 0) + 1
    alone = [all(count[window] == 1 for window in found) for found in windows]
    return ([bundle for bundle, one in zip(bundles, alone, strict=True) if one],
            [bundle for bundle, one in zip(bundles, alone, strict=True) if not one])


def _or_default(bundles: Iterator[Bundle], root: Op, default: bool) -> Iterator[Bundle]:
    """The bundles or, if there are none and a default is wanted, the combination of nothing."""
    empty = True
    for bundle in bundles:
        empty = False
        yield bundle
    if default and empty:
        yield Bundle([(None, of_nothing(root.payload.fn))], GLOBAL_END_MICROS, GLOBAL_WINDOW, ONLY_PANE)  # type: ignore[union-attr]
