"""Combining transforms by Beam's names, and the functions that they combine with.

=============  =============================================================
module         what is in it
=============  =============================================================
``count``      ``Count``, ``Mean``
``top``        ``Top``
``sample``     ``Sample``
``collect``    ``ToList``, ``ToSet``, ``ToDict``
``latest``     ``Latest``
``tuples``     several combinations at once
=============  =============================================================
"""

from __future__ import annotations

from bourne.sdk.model.combinefn import CountCombineFn, MeanCombineFn
from bourne.sdk.transforms.collect import ToDict, ToDictCombineFn, ToList, ToListCombineFn, ToSet, ToSetCombineFn
from bourne.sdk.transforms.count import Count, Mean
from bourne.sdk.transforms.globally import CombinerWithoutDefaults
from bourne.sdk.transforms.latest import Latest, LatestCombineFn
from bourne.sdk.transforms.sample import Sample, SampleCombineFn
from bourne.sdk.transforms.top import Largest, Smallest, Top, TopCombineFn
from bourne.sdk.transforms.tuples import SingleInputTupleCombineFn, TupleCombineFn

__all__ = [
    # Transforms
    'Count', 'Latest', 'Mean', 'Sample', 'ToDict', 'ToList', 'ToSet', 'Top',
    # Functions
    'CountCombineFn', 'Largest', 'LatestCombineFn', 'MeanCombineFn', 'SampleCombineFn',
    'SingleInputTupleCombineFn', 'Smallest', 'ToDictCombineFn', 'ToListCombineFn', 'ToSetCombineFn',
    'TopCombineFn', 'TupleCombineFn',
    # The base of those that combine globally
    'CombinerWithoutDefaults',
]
