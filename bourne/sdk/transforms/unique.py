"""``ApproximateUnique``: about how many distinct elements there are, in little space."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any, TypeVar

from bourne.errors import TransformError
from bourne.sdk import typehints
from bourne.sdk.model.combinefn import CombineFn
from bourne.sdk.model.keys import KeyCoder, encode_key, is_key_type
from bourne.sdk.pcollection import PCollection
from bourne.sdk.ptransform import one_input
from bourne.sdk.transforms.combine import CombinePerKey
from bourne.sdk.transforms.globally import CombinerWithoutDefaults, Labelled

T = TypeVar('T')
K = TypeVar('K')
V = TypeVar('V')

MIN_SIZE = 16
MIN_ERROR, MAX_ERROR = 0.01, 0.5
#: Hashes are whole numbers below this.
SPACE = 1 << 64


class Sketch:
    """The greatest distinct hashes so far.

    Attributes:
      hashes: the greatest ones are among these.
      floor: every hash that was met and is at least this great is there; a smaller one need not be.
    """

    __slots__ = ('floor', 'hashes')

    def __init__(self) -> None:
        self.hashes: set[int] = set()
        self.floor = 0


@typehints.with_input_types(T)
@typehints.with_output_types(int)
class ApproximateUniqueCombineFn(CombineFn):
    """About how many distinct values there are: exact up to ``sample_size``, an estimate above.

    The ``k = sample_size`` greatest distinct 64-bit hashes of the values are kept. With the least of them at the
    fraction ``x`` of all hashes, ``(k - 1) / (1 - x)`` estimates their number without bias and with a relative standard
    error of about ``1 / sqrt(k - 2)`` (Bar-Yossef et al., "Counting Distinct Elements in a Data Stream", 2002; Beyer
    et al., "On Synopses for Distinct-Value Estimation Under Multiset Operations", 2007). It depends on the set of
    values alone, and not on their order or on how accumulators are merged.

    Values are compared as keys are: they need a deterministic encoding, as :mod:`bourne.sdk.model.keys` says.

    Args:
      sample_size: how many hashes are kept.
      coder: encodes values in place of the encoding of keys.

    Raises:
      TransformError: if the sample is too small, or the coder is not deterministic.
    """

    def __init__(self, sample_size: int, coder: KeyCoder | None = None) -> None:
        from hashlib import blake2b  # takes milliseconds to import

        self._size = parse_size(sample_size)
        if coder is not None and not coder.is_deterministic():
            raise TransformError(f'ApproximateUniqueCombineFn: the coder {coder!r} is not deterministic, so that '
                                 f'equal values might count as different ones; leave it out or give another one')
        self._encode = encode_key if coder is None else coder.encode
        self._hash = blake2b

    def display_data(self) -> dict[str, Any]:
        return {'sample_size': self._size}

    def create_accumulator(self, *args: Any, **kwargs: Any) -> Sketch:
        return Sketch()

    def add_input(self, mutable_accumulator: Sketch, element: Any, *args: Any, **kwargs: Any) -> Sketch:
        hashed = int.from_bytes(self._hash(self._encode(element), digest_size=8).digest(), 'big')
        if hashed >= mutable_accumulator.floor:
            mutable_accumulator.hashes.add(hashed)
            if len(mutable_accumulator.hashes) >= 2 * self._size:
                self._cut(mutable_accumulator)
        return mutable_accumulator

    def merge_accumulators(self, accumulators: Iterable[Sketch], *args: Any, **kwargs: Any) -> Sketch:
        merged = Sketch()
        for accumulator in accumulators:
            merged.hashes |= accumulator.hashes
            merged.floor = max(merged.floor, accumulator.floor)
            self._cut(merged)
        return merged

    def compact(self, accumulator: Sketch, *args: Any, **kwargs: Any) -> Sketch:
        self._cut(accumulator)
        return accumulator

    def extract_output(self, accumulator: Sketch, *args: Any, **kwargs: Any) -> int:
        self._cut(accumulator)
        if not accumulator.floor:
            return len(accumulator.hashes)
        return round((self._size - 1) * SPACE / (SPACE - accumulator.floor))

    def _cut(self, sketch: Sketch) -> None:
        """Leaves the greatest ``size`` hashes, if there are more."""
        if len(sketch.hashes) > self._size:
            greatest = sorted(sketch.hashes)[-self._size:]
            sketch.hashes = set(greatest)
            sketch.floor = greatest[0]


def parse_size(size: Any) -> int:
    """A number of hashes to keep.

    Raises:
      TransformError: if it is not an integer of at least 16.
    """
    if isinstance(size, bool) or not isinstance(size, int) or size < MIN_SIZE:
        raise TransformError(f'ApproximateUnique: size must be an int of at least {MIN_SIZE}, which has an error of up '
                             f'to {MAX_ERROR}; the error is about 2 / sqrt(size). Got {size!r}')
    return size


class ApproximateUnique:
    """About how many distinct elements there are.

    Either ``size`` or ``error`` is given: the number of hashes that are kept, at least 16, or the relative error that
    all but about 5 in 100 results stay below, from 0.01 to 0.5. One follows from the other: ``size = 4 / error**2``.
    """

    @staticmethod
    def parse_input_params(size: int | None = None, error: float | None = None) -> int:
        """The number of hashes to keep.

        Raises:
          TransformError: if both are given, or neither, or one that is out of range.
        """
        if (size is None) == (error is None):
            given = 'neither' if size is None else f'both, size={size!r} and error={error!r}'
            raise TransformError(f'ApproximateUnique takes either size or error, got {given}')
        if error is None:
            return parse_size(size)
        if isinstance(error, bool) or not isinstance(error, (int, float)) or not MIN_ERROR <= error <= MAX_ERROR:
            raise TransformError(f'ApproximateUnique: error must be between {MIN_ERROR} and {MAX_ERROR}, got {error!r}')
        return math.ceil(4 / error ** 2)

    class Globally(CombinerWithoutDefaults):
        """About how many distinct elements there are, per window.

        Args:
          size: how many hashes are kept.
          error: the relative error, instead.
          has_defaults: give 0 for an empty input.

        Raises:
          TransformError: if both are given, or neither, or one that is out of range.
        """

        def __init__(self, size: int | None = None, error: float | None = None, has_defaults: bool = True) -> None:
            super().__init__(has_defaults)
            self._size = ApproximateUnique.parse_input_params(size, error)

        def combine_fn(self) -> CombineFn:
            return ApproximateUniqueCombineFn(self._size)

        def expand(self, pcoll: Any) -> PCollection[Any]:
            source = one_input(self, pcoll)
            _check_encodable(self, source.element_type)
            return super().expand(source)

    class PerKey(Labelled):
        """From pairs ``(key, value)`` to pairs of a key and about how many distinct values it has, per window.

        Args:
          size: how many hashes are kept.
          error: the relative error, instead.

        Raises:
          TransformError: if both are given, or neither, or one that is out of range.
        """

        def __init__(self, size: int | None = None, error: float | None = None) -> None:
            super().__init__()
            self._size = ApproximateUnique.parse_input_params(size, error)

        def expand(self, pcoll: Any) -> PCollection[Any]:
            source = one_input(self, pcoll)
            _check_encodable(self, typehints.key_value_types(source.element_type, self.full_label())[1])
            counted = source | CombinePerKey(ApproximateUniqueCombineFn(self._size))
            assert isinstance(counted, PCollection)
            return counted


def _check_encodable(transform: Labelled, tp: Any) -> None:
    if is_key_type(tp) is False:
        raise TransformError(f'{transform.full_label()} compares elements as keys are compared, and '
                             f'{typehints.describe(tp)} cannot be a key. Map the elements to a str or a tuple before')
