"""The exception tree: every error that bourne itself raises derives from :class:`BourneError`.

A user's own exception is never wrapped: it keeps its type and traceback and gains a note (see
``engine/program/notes.py``). Where Beam raises a builtin type for a mistake, the class here derives
from that builtin too, so that ``except ValueError`` in a migrated program still works.
"""

from __future__ import annotations


class BourneError(Exception):
    """The root of all errors that bourne raises."""


class PipelineError(BourneError, RuntimeError):
    """The pipeline is put together wrongly: a label clash, a collection of another pipeline, ..."""


class TransformError(BourneError, ValueError):
    """A transform got an argument or an input that it cannot work with."""


class TypeCheckError(BourneError, TypeError):
    """A type hint does not fit: at construction, or at run time with ``--runtime_type_check``."""


class GraphError(BourneError, ValueError):
    """A graph is not well formed, or comes from a version or has a kind that is not known here."""


class PickleError(GraphError, TypeError):
    """A user's function cannot be serialised; the message names the transform and the captured variable."""


class KeyEncodingError(BourneError, TypeError):
    """A key has no deterministic encoding, so that it cannot be grouped by across processes."""


class CoderError(BourneError, ValueError):
    """A value cannot be encoded or decoded by the coder at hand."""


class OptionsError(BourneError, ValueError):
    """A pipeline option is unknown, malformed, or contradicts another one."""


class UnsupportedError(BourneError, NotImplementedError):
    """A documented feature that this version or this runner does not have; raised before anything runs."""


class SourceError(BourneError, OSError):
    """A source cannot be read; the message names the file (or split) and the line or offset."""


class SinkError(BourneError, OSError):
    """A sink cannot write or commit; nothing half-written is left at the final names."""


class ExceptionThresholdError(BourneError, ValueError):
    """More elements failed than ``with_exception_handling(threshold=...)`` allows."""


class ExecutionError(BourneError, RuntimeError):
    """The engine cannot go on: an element of the wrong shape, a lost worker, an invariant that broke."""


class AssertionFailed(BourneError, AssertionError):
    """A matcher of ``bourne.testing`` did not hold (Beam's ``BeamAssertException``)."""
