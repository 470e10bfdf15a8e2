"""bourne: data pipelines in Apache Beam's model, described once, planned, compiled and run.

::

    import bourne as beam

    with beam.Pipeline() as pipeline:
        pipeline | beam.Create(['to be', 'or not']) | beam.FlatMap(str.split) | beam.Map(print)

Beam's top-level names are here, and its modules as attributes: ``beam.io``, ``beam.window``, ``beam.combiners``, ...
What every pipeline needs is imported with the package; the rest is looked up in :mod:`bourne.beam` when it is used.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from bourne.runners import local as _local  # noqa: F401  (the first pipeline of a process should not wait for it)
from bourne.sdk import eager as _eager  # noqa: F401  (it makes `[1, 2] | beam.Map(...)` run)
from bourne.sdk.model.dofn import TaggedOutput
from bourne.sdk.model.row import Row
from bourne.sdk.pcollection import PCollection
from bourne.sdk.pipeline import Pipeline
from bourne.sdk.ptransform import PTransform, ptransform_fn
from bourne.sdk.transforms import deadletter as _deadletter  # noqa: F401  (with_exception_handling needs it)
from bourne.sdk.transforms.combine import CombineGlobally, CombinePerKey, CombineValues
from bourne.sdk.transforms.create import Create, Impulse
from bourne.sdk.transforms.flatten import Flatten, FlattenWith
from bourne.sdk.transforms.functions import CombineFn, DoFn
from bourne.sdk.transforms.group import CoGroupByKey, GroupByKey, Reshuffle
from bourne.sdk.transforms.pardo import Filter, FlatMap, FlatMapTuple, Map, MapTuple, ParDo
from bourne.sdk.transforms.window import WindowInto

if TYPE_CHECKING:
    from bourne import io
    from bourne.sdk import metrics, typehints
    from bourne.sdk.model import coders, trigger, window
    from bourne.sdk.transforms import combiners, userstate, util
    from bourne.sdk.transforms.partition import Partition, PartitionFn
    from bourne.sdk.transforms.rows import GroupBy, Select
    from bourne.sdk.transforms.stats import ApproximateQuantiles, ApproximateUnique
    from bourne.sdk.transforms.util import (
        BatchElements,
        Distinct,
        GroupIntoBatches,
        Keys,
        KvSwap,
        LogElements,
        Regex,
        Reify,
        SortAndBatchElements,
        Tee,
        ToString,
        Values,
        WaitOn,
        WithKeys,
    )

    options: Any
    pvalue: Any
    testing: Any
    transforms: Any

__version__ = '0.1.0'

__all__ = [
    # Pipelines
    'Pipeline', 'PCollection', 'PTransform', 'ptransform_fn', 'Row', 'TaggedOutput',
    # Elements
    'Create', 'Impulse', 'ParDo', 'DoFn', 'Map', 'MapTuple', 'FlatMap', 'FlatMapTuple', 'Filter', 'Keys', 'Values',
    'KvSwap', 'WithKeys', 'ToString', 'Regex', 'Reify', 'LogElements', 'Tee', 'BatchElements', 'SortAndBatchElements',
    # Groups
    'GroupByKey', 'CoGroupByKey', 'GroupBy', 'GroupIntoBatches', 'Select', 'Distinct', 'Partition', 'PartitionFn',
    'Flatten', 'FlattenWith', 'Reshuffle', 'WaitOn', 'WindowInto',
    # Combinations
    'CombineFn', 'CombineGlobally', 'CombinePerKey', 'CombineValues', 'ApproximateQuantiles', 'ApproximateUnique',
    # Modules
    'coders', 'combiners', 'io', 'metrics', 'options', 'pvalue', 'testing', 'transforms', 'trigger', 'typehints',
    'userstate', 'util', 'window',
]


def __getattr__(name: str) -> Any:
    if name.startswith('_'):
        raise AttributeError(f'module {__name__!r} has no attribute {name!r}')
    if name == 'io':  # bourne's own package has Beam's names
        return importlib.import_module('bourne.io')
    found = globals()[name] = importlib.import_module('bourne.beam').find('', name)
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
