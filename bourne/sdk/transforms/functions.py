"""``DoFn`` and ``CombineFn`` as users derive from them: the model's classes, with type hints."""

from __future__ import annotations

from bourne.sdk.model import combinefn, dofn
from bourne.sdk.typehints import WithTypeHints


class DoFn(WithTypeHints, dofn.DoFn):
    __doc__ = dofn.DoFn.__doc__


class CombineFn(WithTypeHints, combinefn.CombineFn):
    __doc__ = combinefn.CombineFn.__doc__
