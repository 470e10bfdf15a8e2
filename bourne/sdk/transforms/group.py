"""``GroupByKey``, ``CoGroupByKey`` and ``Reshuffle``: what moves elements to where their key is."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from bourne.errors import TransformError
from bourne.sdk import typehints
from bourne.sdk.graph import nodes
from bourne.sdk.graph.nodes import MAIN
from bourne.sdk.model.trigger import DefaultTrigger
from bourne.sdk.model.window import GlobalWindows
from bourne.sdk.options import TypeOptions
from bourne.sdk.pcollection import PCollection
from bourne.sdk.ptransform import PTransform, one_input
from bourne.sdk.transforms.create import nothing
from bourne.sdk.transforms.flatten import same_windows
from bourne.sdk.transforms.window import regrouped


class GroupByKey(PTransform):
    """From pairs ``(key, value)`` to pairs of a key and an iterable of all its values, per window.

    Keys are equal if ``==`` says so. They need a deterministic encoding: see ``docs/keys.md``. The values come in no
    particular order.
    """

    def expand(self, pcoll: Any) -> PCollection[Any]:
        source = one_input(self, pcoll)
        check_groupable(self, source)
        key, value = typehints.key_value_types(source.element_type, self.full_label())
        grouped: Any = typehints.KV[key, Iterable[value]]  # type: ignore[valid-type]
        return source.pipeline.add(nodes.GroupByKey(), [source], windowing=regrouped(source.windowing),
                                   element_type=grouped)[MAIN]


def check_groupable(transform: PTransform, source: PCollection[Any]) -> None:
    """Refuses to group what would never be emitted.

    Raises:
      TransformError: for an unbounded collection in the global window with the default trigger, unless
        ``--allow_unsafe_triggers`` is given.
    """
    windowing = source.windowing
    endless = isinstance(windowing.windowfn, GlobalWindows) and isinstance(windowing.trigger, DefaultTrigger)
    if endless and not source.is_bounded and not source.pipeline.options.view_as(TypeOptions).allow_unsafe_triggers:
        raise TransformError(f'{transform.full_label()}: {source!r} is unbounded and in the global window, which ends '
                             f'when the source does, if ever: nothing would be emitted before. Apply WindowInto with '
                             f'windows or a trigger before, or pass --allow_unsafe_triggers')


class Reshuffle(PTransform):
    """The same elements, with their times and windows, spread evenly over the workers.

    It ends fusion: what follows runs on other workers than what comes before. Use it after a step that makes many
    elements of few.

    Args:
      num_buckets: Beam's option; bourne spreads over as many workers as there are.
    """

    def __init__(self, num_buckets: int | None = None) -> None:
        super().__init__()
        if num_buckets is not None and (not isinstance(num_buckets, int) or num_buckets < 1):
            raise TransformError(f'Reshuffle: num_buckets must be a positive integer, got {num_buckets!r}')
        self.num_buckets = num_buckets

    def expand(self, pcoll: Any) -> PCollection[Any]:
        source = one_input(self, pcoll)
        return source.pipeline.add(nodes.Reshuffle(), [source], element_type=source.element_type)[MAIN]


class CoGroupByKey(PTransform):
    """Joins collections of pairs by key.

    Applied to a dict of collections it gives ``(key, {tag: [values]})``, and to a tuple or list
    ``(key, ([values], [values], ...))``. A key that a collection does not have gets an empty list there.

    Args:
      pipeline: the pipeline, needed where there may be no collection at all.
    """

    def __init__(self, *, pipeline: Any = None) -> None:
        super().__init__()
        self.pipeline = pipeline

    def expand(self, pcolls: Any) -> PCollection[Any]:
        if isinstance(pcolls, PCollection) or not isinstance(pcolls, (Mapping, tuple, list)):
            raise TransformError(f'{self.full_label()} takes a dict, tuple or list of PCollections, but was applied to '
                                 f'{pcolls!r}')
        as_dict = isinstance(pcolls, Mapping)
        named = list(pcolls.items()) if isinstance(pcolls, Mapping) else list(enumerate(pcolls))
        sources = [one_input(self, pcoll) for _, pcoll in named]
        keys = []
        for source in sources:
            check_groupable(self, source)
            keys.append(typehints.key_value_types(source.element_type, self.full_label())[0])
        pipeline = sources[0].pipeline if sources else self.pipeline
        if pipeline is None:
            raise TransformError(f'{self.full_label()} was applied to no collection and knows no pipeline; '
                                 f'write CoGroupByKey(pipeline=p)')
        if not sources:
            return nothing(pipeline)
        windowing = same_windows(self, sources)
        lists: Any = dict[Any, list[Any]] if as_dict else tuple[(list[Any],) * len(named)]  # type: ignore[misc]
        key: Any = keys[0] if keys and all(one == keys[0] for one in keys) else Any
        made = pipeline.add(nodes.GroupByKey(tuple(name for name, _ in named), as_dict), sources,
                            windowing=regrouped(windowing), element_type=typehints.KV[key, lists])[MAIN]
        assert isinstance(made, PCollection)
        return made
