"""The transforms that Beam has in ``transforms.util``.

==================  =================================================================
module              what is in it
==================  =================================================================
``keys``            ``Keys``, ``Values``, ``KvSwap``, ``WithKeys``, ``Distinct``
``group``           ``CoGroupByKey``, ``Reshuffle``
``batch``           ``BatchElements``, ``SortAndBatchElements``
``group_batches``   ``GroupIntoBatches``
``tostring``        ``ToString``
``regex``           ``Regex``
``reify``           ``Reify``
``side_effects``    ``Tee``, ``WaitOn``, ``LogElements``
==================  =================================================================
"""

from __future__ import annotations

from bourne.sdk.transforms.batch import BatchElements, SortAndBatchElements, WithLengthBucketKey
from bourne.sdk.transforms.group import CoGroupByKey, Reshuffle
from bourne.sdk.transforms.group_batches import GroupIntoBatches
from bourne.sdk.transforms.keys import Distinct, Keys, KvSwap, RemoveDuplicates, Values, WithKeys
from bourne.sdk.transforms.regex import Regex
from bourne.sdk.transforms.reify import Reify
from bourne.sdk.transforms.side_effects import LogElements, Tee, WaitOn
from bourne.sdk.transforms.tostring import ToString

__all__ = [
    # Pairs
    'CoGroupByKey', 'Distinct', 'Keys', 'KvSwap', 'RemoveDuplicates', 'Values', 'WithKeys',
    # Batches
    'BatchElements', 'GroupIntoBatches', 'SortAndBatchElements', 'WithLengthBucketKey',
    # Text
    'Regex', 'ToString',
    # What is beside the elements
    'LogElements', 'Reify', 'Reshuffle', 'Tee', 'WaitOn',
]
