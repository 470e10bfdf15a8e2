"""``Partition``: one collection dealt out to several."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable
from typing import Any

from bourne.errors import TransformError
from bourne.sdk.model.dofn import DoFn, TaggedOutput
from bourne.sdk.model.known import short
from bourne.sdk.pcollection import DoOutputsTuple
from bourne.sdk.ptransform import PTransform, label_from_callable, one_input
from bourne.sdk.transforms.pardo import ParDo
from bourne.sdk.typehints import WithTypeHints


class PartitionFn(WithTypeHints):
    """Says which partition an element belongs to."""

    def default_label(self) -> str:
        """How a transform with this function is called that is given no label."""
        return type(self).__name__

    def partition_for(self, element: Any, num_partitions: int, *args: Any, **kwargs: Any) -> int:
        """The partition of an element.

        Args:
          element: the element.
          num_partitions: how many partitions there are.
          args: the further arguments given to ``Partition``, side inputs resolved.
          kwargs: its keyword arguments, likewise.

        Returns:
          A number from 0 to ``num_partitions - 1``.
        """
        raise NotImplementedError(f'{type(self).__name__} must define partition_for(self, element, num_partitions)')


class CallableWrapperPartitionFn(PartitionFn):
    """A ``PartitionFn`` of a function of the element and the number of partitions.

    Args:
      fn: the function.
    """

    def __init__(self, fn: Callable[..., int]) -> None:
        self._fn = fn

    def default_label(self) -> str:
        return label_from_callable(self._fn)

    def partition_for(self, element: Any, num_partitions: int, *args: Any, **kwargs: Any) -> int:
        return self._fn(element, num_partitions, *args, **kwargs)


class Partition(PTransform):
    """Deals the elements of a collection out to ``n`` collections::

        minors, adults = people | Partition(lambda person, n: person.age >= 18, 2)

    Args:
      fn: a function of an element and the number of partitions that gives the number of the element's partition, from
        0; or a ``PartitionFn``.
      n: how many partitions there are.
      args: further arguments of the function, side inputs among them.
      kwargs: further keyword arguments, likewise.

    Raises:
      TransformError: if ``fn`` is no function, or ``n`` no number of partitions.
    """

    class ApplyPartitionFnFn(DoFn):
        """Tags each element with the number of its partition."""

        def process(self, element: Any, partitionfn: PartitionFn, n: int,
                    *args: Any, **kwargs: Any) -> Iterable[Any]:
            number = partitionfn.partition_for(element, n, *args, **kwargs)
            try:
                index = operator.index(number)
            except TypeError:
                raise TransformError(f'the partition of an element is an int from 0 to {n - 1}, and the function gave '
                                     f'{short(number)} ({type(number).__name__}) for {short(element)}') from None
            if not 0 <= index < n:
                raise TransformError(f'there are partitions 0 to {n - 1}, and the function gave {index} for '
                                     f'{short(element)}')
            return (TaggedOutput(str(index), element),)

    def __init__(self, fn: Any, n: Any = None, *args: Any, **kwargs: Any) -> None:
        super().__init__()
        if isinstance(fn, type) and issubclass(fn, PartitionFn):
            raise TransformError(f'Partition takes a PartitionFn instance, got the class {fn.__name__}: '
                                 f'write {fn.__name__}()')
        if not isinstance(fn, PartitionFn) and not callable(fn):
            raise TransformError(f'Partition takes a function of an element and the number of partitions, or a '
                                 f'PartitionFn; got {fn!r}')
        if isinstance(n, bool) or not isinstance(n, int) or n < 1:
            raise TransformError(f'Partition: n is how many partitions there are, a positive int; got {n!r}')
        self.fn = fn if isinstance(fn, PartitionFn) else CallableWrapperPartitionFn(fn)
        self.n = n
        self.args = args
        self.kwargs = kwargs

    def default_label(self) -> str:
        return f'Partition({self.fn.default_label()})'

    def expand(self, pcoll: Any) -> DoOutputsTuple:
        source = one_input(self, pcoll)
        deal = ParDo(self.ApplyPartitionFnFn(), self.fn, self.n, *self.args, **self.kwargs)
        parts = source | 'Apply' >> deal.with_outputs(*map(str, range(self.n)))
        assert isinstance(parts, DoOutputsTuple)
        for part in parts:
            source.pipeline.set_type(part, source.element_type)
        return parts
