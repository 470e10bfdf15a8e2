"""Statistics that are approximate, with a known error."""

from __future__ import annotations

from bourne.sdk.transforms.quantiles import ApproximateQuantiles, ApproximateQuantilesCombineFn
from bourne.sdk.transforms.unique import ApproximateUnique, ApproximateUniqueCombineFn

__all__ = ['ApproximateQuantiles', 'ApproximateQuantilesCombineFn', 'ApproximateUnique', 'ApproximateUniqueCombineFn']
