"""Resource hints: what a transform needs where it runs. Runners use them as far as they can."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, ClassVar

from bourne.errors import TransformError
from bourne.sdk.options import PipelineOptions, StandardOptions
from bourne.sdk.sizes import parse_size

#: A parsed hint: a number (bytes for memory), or text.
HintValue = int | str


class ResourceHint:
    """A kind of hint. Subclasses say how a value is read, and what holds where hints are nested.

    Attributes:
      urn: the name under which the hint stands in the graph.
    """

    urn: ClassVar[str | None] = None

    _by_name: ClassVar[dict[str, type[ResourceHint]]] = {}
    _by_urn: ClassVar[dict[str, type[ResourceHint]]] = {}

    @classmethod
    def parse(cls, value: Any) -> dict[str, Any]:
        """Reads a value as the user gave it.

        Returns:
          The parsed value by :attr:`urn`.

        Raises:
          ValueError: if the value cannot be read.
        """
        if not isinstance(value, str):
            raise ValueError(f'text is needed, got {value!r} ({type(value).__name__})')
        return {str(cls.urn): value}

    @classmethod
    def get_merged_value(cls, outer_value: Any, inner_value: Any) -> Any:
        """What holds for a transform that has a hint inside a composite that has one too: the inner one."""
        return inner_value

    @staticmethod
    def get_by_urn(urn: str) -> type[ResourceHint]:
        """The kind of hint with that urn. Raises KeyError if there is none."""
        return ResourceHint._by_urn[urn]

    @staticmethod
    def get_by_name(name: str) -> type[ResourceHint]:
        """The kind of hint with that name. Raises KeyError if there is none."""
        return ResourceHint._by_name[name]

    @staticmethod
    def is_registered(name: str) -> bool:
        """True if there is a kind of hint with that name."""
        return name in ResourceHint._by_name

    @staticmethod
    def register_resource_hint(hint_name: str, hint_class: Any) -> None:
        """Makes a kind of hint known by a name; several names may stand for the same kind.

        Args:
          hint_name: the keyword of ``with_resource_hints``.
          hint_class: a subclass of ``ResourceHint`` with a ``urn``.

        Raises:
          TransformError: if the class is not such a class.
        """
        if not (isinstance(hint_class, type) and issubclass(hint_class, ResourceHint)):
            raise TransformError(f'a resource hint is a subclass of ResourceHint, got {hint_class!r}')
        if not hint_class.urn:
            raise TransformError(f'the resource hint {hint_class.__name__} must have a urn')
        ResourceHint._by_name[hint_name] = hint_class
        ResourceHint._by_urn[hint_class.urn] = hint_class


class AcceleratorHint(ResourceHint):
    """A hardware accelerator, as text that the runner understands."""

    urn = 'accelerator'


class MinRamHint(ResourceHint):
    """Memory for the worker's process: at least that much. ``'4GB'``, ``'512MiB'``, or a number of bytes."""

    urn = 'min_ram'

    @classmethod
    def parse(cls, value: Any) -> dict[str, Any]:
        return {cls.urn: parse_size(value)}

    @classmethod
    def get_merged_value(cls, outer_value: Any, inner_value: Any) -> Any:
        return max(int(outer_value), int(inner_value))


class CpuCountHint(ResourceHint):
    """Cores for the worker's process: at least so many."""

    urn = 'cpu_count'

    @classmethod
    def parse(cls, value: Any) -> dict[str, Any]:
        return {cls.urn: _positive(value)}

    @classmethod
    def get_merged_value(cls, outer_value: Any, inner_value: Any) -> Any:
        return max(int(outer_value), int(inner_value))


class MaxActiveBundlesPerWorkerHint(ResourceHint):
    """Bundles that a worker runs at the same time: at most so many. Nested hints add up, as in Beam."""

    urn = 'max_active_bundles_per_worker'

    @classmethod
    def parse(cls, value: Any) -> dict[str, Any]:
        return {cls.urn: _positive(value)}

    @classmethod
    def get_merged_value(cls, outer_value: Any, inner_value: Any) -> Any:
        return int(outer_value) + int(inner_value)


def _positive(value: Any) -> int:
    number = int(value) if isinstance(value, str) and value.strip().isdigit() else value
    if isinstance(number, bool) or not isinstance(number, int) or number < 1:
        raise ValueError(f'a positive whole number is needed, got {value!r} ({type(value).__name__})')
    return number


for _name, _hint in {
    'accelerator': AcceleratorHint,
    'min_ram': MinRamHint, 'minRam': MinRamHint,
    'cpu_count': CpuCountHint, 'cpuCount': CpuCountHint,
    'max_active_bundles_per_worker': MaxActiveBundlesPerWorkerHint,
    'MaxActiveBundlesPerWorker': MaxActiveBundlesPerWorkerHint,
    'max_active_bundle_per_worker': MaxActiveBundlesPerWorkerHint,
    'MaxActiveBundlePerWorker': MaxActiveBundlesPerWorkerHint,
}.items():
    ResourceHint.register_resource_hint(_name, _hint)


def parse_resource_hints(hints: Mapping[str, Any]) -> dict[str, HintValue]:
    """Reads hints by name.

    Args:
      hints: values as the user gave them.

    Returns:
      Parsed values by urn (``min_ram`` in bytes).

    Raises:
      TransformError: if there is no such kind of hint, or its value cannot be read.
    """
    parsed: dict[str, HintValue] = {}
    for name, value in hints.items():
        if not ResourceHint.is_registered(name):
            raise TransformError(f'there is no resource hint {name!r}{_suggestion(name)}; known: '
                                 f'{", ".join(sorted(ResourceHint._by_urn))}')
        try:
            parsed.update(ResourceHint.get_by_name(name).parse(value))
        except (ValueError, TypeError) as error:
            raise TransformError(f'the resource hint {name} cannot be {value!r}: {error}') from None
    return parsed


def _suggestion(name: Any) -> str:
    import difflib

    close = difflib.get_close_matches(str(name), ResourceHint._by_name, n=1)
    return f' (did you mean {close[0]}?)' if close else ''


def resource_hints_from_options(options: PipelineOptions | None) -> dict[str, HintValue]:
    """The hints for all transforms of a pipeline, from ``--resource_hint=name=value``.

    Raises:
      TransformError: as :func:`parse_resource_hints`, or if a hint is not of that form.
    """
    given: Any = options.view_as(StandardOptions).resource_hints if options is not None else {}
    return parse_resource_hints(given if isinstance(given, Mapping) else dict(_pairs(given or ())))


def _pairs(texts: Iterable[str]) -> Iterable[tuple[str, str]]:
    for text in texts:
        name, equals, value = text.partition('=')
        if not equals:
            raise TransformError(f'--resource_hint takes name=value, such as min_ram=4GB; got {text!r}')
        yield name, value


def merge_resource_hints(outer_hints: Mapping[str, Any], inner_hints: Mapping[str, Any]) -> dict[str, Any]:
    """The hints that hold for a transform: its own, and those of the composites around it.

    Args:
      outer_hints: parsed hints of the composite.
      inner_hints: parsed hints of the transform; where both have a hint, its kind decides
        (:meth:`ResourceHint.get_merged_value`).
    """
    merged = {**outer_hints, **inner_hints}
    for urn in outer_hints.keys() & inner_hints.keys():
        # A graph may come with hints of a kind that is not registered here.
        kind = ResourceHint._by_urn.get(urn, ResourceHint)
        merged[urn] = kind.get_merged_value(outer_value=outer_hints[urn], inner_value=inner_hints[urn])
    return merged
