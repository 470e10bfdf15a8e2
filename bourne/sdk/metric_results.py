"""What a run's metrics came to, and which of them a query is for."""

from __future__ import annotations

import warnings
from collections.abc import Iterable
from typing import Any, ClassVar, NamedTuple

from bourne.errors import TransformError
from bourne.sdk.metric_handles import Metric
from bourne.sdk.model.metric import (
    BUILTIN_NAMESPACE,
    ELEMENTS,
    HELD_BYTES,
    RESIDENT_BYTES,
    DistributionResult,
    GaugeResult,
    MetricKey,
    MetricName,
    MetricsContainer,
    StringSetCell,
)


def namespace_of(namespace: type | str) -> str:
    """A namespace as text: a class is its module and name.

    Raises:
      TransformError: if it is neither a class nor a string.
    """
    if isinstance(namespace, type):
        return f'{namespace.__module__}.{namespace.__name__}'
    if isinstance(namespace, str):
        return namespace
    raise TransformError(
        f'the namespace of a metric is a string or a class, got {namespace!r} ({type(namespace).__name__})')


class MetricsFilter:
    """Which metrics a query is for.

    Those that match one of the names, one of the namespaces and one of the steps given. What is not given
    does not matter. The methods change the filter and return it.
    """

    def __init__(self) -> None:
        self._names: set[str] = set()
        self._namespaces: set[str] = set()
        self._steps: set[str] = set()

    @property
    def names(self) -> frozenset[str]:
        """The names asked for; empty: all."""
        return frozenset(self._names)

    @property
    def namespaces(self) -> frozenset[str]:
        """The namespaces asked for; empty: all but bourne's own."""
        return frozenset(self._namespaces)

    @property
    def steps(self) -> frozenset[str]:
        """The steps asked for; empty: all."""
        return frozenset(self._steps)

    def with_metric(self, metric: Metric) -> MetricsFilter:
        """Adds the name and the namespace of a handle."""
        name = metric.metric_name
        return self.with_name(name.name or '').with_namespace(name.namespace or '')

    def with_name(self, name: str) -> MetricsFilter:
        """Adds a name."""
        return self.with_names([name])

    def with_names(self, names: Iterable[str]) -> MetricsFilter:
        """Adds names."""
        self._names.update(_several(names, 'names'))
        return self

    def with_namespace(self, namespace: type | str) -> MetricsFilter:
        """Adds a namespace: a string, or a class for its name."""
        return self.with_namespaces([namespace])

    def with_namespaces(self, namespaces: Iterable[type | str]) -> MetricsFilter:
        """Adds namespaces."""
        self._namespaces.update(map(namespace_of, _several(namespaces, 'namespaces')))
        return self

    def with_step(self, step: str) -> MetricsFilter:
        """Adds a step: a full label, or parts of one (``'Read/Split'`` matches ``'A/Read/Split/B'``)."""
        return self.with_steps([step])

    def with_steps(self, steps: Iterable[str]) -> MetricsFilter:
        """Adds steps."""
        self._steps.update(_several(steps, 'steps'))
        return self

    def matches(self, key: MetricKey) -> bool:
        """True if the metric of that key is asked for."""
        name = key.metric
        return ((not self._names or name.name in self._names)
                and (name.namespace in self._namespaces if self._namespaces else not _is_builtin(name))
                and (not self._steps or any(_is_part(step, key.step) for step in self._steps)))

    def __repr__(self) -> str:
        parts = {'names': self._names, 'namespaces': self._namespaces, 'steps': self._steps}
        shown = ', '.join(f'{what}={sorted(given)}' for what, given in parts.items() if given)
        return f'MetricsFilter({shown})'


def _several(values: Any, what: str) -> Any:
    if isinstance(values, (str, type)):
        raise TransformError(f'with_{what} takes several {what}, got {values!r}; use with_{what[:-1]}')
    return values


def _is_builtin(name: MetricName) -> bool:
    return name.namespace == BUILTIN_NAMESPACE


def _is_part(part: str, label: str) -> bool:
    """True if the names in ``part`` follow each other in ``label``: labels are names joined by ``/``."""
    return f'/{part}/' in f'/{label}/'


class MetricResult(NamedTuple):
    """A metric's value.

    Attributes:
      key: its step and name.
      committed: the value over the bundles that were committed: an int, a ``DistributionResult``, a
        ``GaugeResult``, a set of strings, or a ``BoundedTrie``. None if there is none.
      attempted: the value over all bundles, those included that failed or ran again.
    """

    key: MetricKey
    committed: Any
    attempted: Any

    @property
    def result(self) -> Any:
        """The committed value, or the attempted one if nothing is committed."""
        return self.committed if self.committed else self.attempted


class StageMemory(NamedTuple):
    """How much memory a stage took.

    Attributes:
      held: about how many bytes of elements, groups and accumulators one of its tasks held at most.
      resident: the most memory that a process had while it ran one of its tasks, in bytes.
    """

    held: int
    resident: int


class MetricResults:
    """The metrics of a run. Those of one that still goes on are as of now.

    Besides what users count there are, in the namespace ``'bourne'``, the numbers of elements that transforms put
    out, and the memory and the bundles of stages. A query finds those only if its filter names that namespace;
    :meth:`elements` and :meth:`memory` are shorter.

    Args:
      committed: the metrics of committed bundles.
      attempted: those of all bundles; None if they are the same.
    """

    COUNTERS = 'counters'
    DISTRIBUTIONS = 'distributions'
    GAUGES = 'gauges'
    STRINGSETS = 'string_sets'
    BOUNDED_TRIES = 'bounded_tries'

    _LISTS: ClassVar[dict[str, str]] = {
        'counter': COUNTERS, 'distribution': DISTRIBUTIONS, 'gauge': GAUGES, 'string_set': STRINGSETS,
        'bounded_trie': BOUNDED_TRIES,
    }

    def __init__(self, committed: MetricsContainer, attempted: MetricsContainer | None = None) -> None:
        self._committed = committed
        self._attempted = attempted

    @staticmethod
    def matches(filter: MetricsFilter | None, metric_key: MetricKey) -> bool:
        """True if a query with the filter, or without one, finds the metric of that key."""
        return (filter or MetricsFilter()).matches(metric_key)

    def query(self, filter: MetricsFilter | None = None) -> dict[str, list[MetricResult]]:
        """The metrics that match a filter; without one, all that users made.

        Returns:
          Results by kind (``'counters'``, ``'distributions'``, ``'gauges'``, ``'string_sets'``,
          ``'bounded_tries'``; all there, perhaps empty), ordered by step and name.
        """
        wanted = filter or MetricsFilter()
        found: dict[str, list[MetricResult]] = {name: [] for name in self._LISTS.values()}
        committed = {(kind, key): _result(key, cell) for kind, key, cell in self._committed.items()
                     if wanted.matches(key)}
        if self._attempted is None:
            attempted = committed
        else:
            attempted = {(kind, key): _result(key, cell) for kind, key, cell in self._attempted.items()
                         if wanted.matches(key)}
        for place in dict.fromkeys((*attempted, *committed)):
            found[self._LISTS[place[0]]].append(
                MetricResult(place[1], committed.get(place), attempted.get(place)))
        return found

    def elements(self, label: str) -> dict[str | None, int]:
        """How many elements a transform put out.

        Args:
          label: the full label of a primitive transform.

        Returns:
          The numbers by the output's tag, None being the main output; empty if there is no such transform.
        """
        found = {}
        for kind, key, cell in self._committed.items():
            if key.step == label and kind == 'counter' and _is_builtin(key.metric):
                name, _, tag = (key.metric.name or '').partition(':')
                if name == ELEMENTS.name:
                    found[tag or None] = cell.result()
        return found

    def memory(self) -> dict[str, StageMemory]:
        """How much memory each stage of the plan took, by the stage's name (``bourne explain`` shows them)."""
        found: dict[str, dict[MetricName, int]] = {}
        for _, key, cell in self._committed.items():
            if key.metric in (HELD_BYTES, RESIDENT_BYTES):
                found.setdefault(key.step, {})[key.metric] = int(cell.result().max or 0)
        return {stage: StageMemory(sizes.get(HELD_BYTES, 0), sizes.get(RESIDENT_BYTES, 0))
                for stage, sizes in found.items()}

    def table(self, filter: MetricsFilter | None = None) -> str:
        """The metrics of a query as text, one a line: step, namespace and name, value."""
        rows = sorted((result.key.step, _short(result.key.metric), _shown(result.result))
                      for results in self.query(filter).values() for result in results)
        first, second = (max((len(row[column]) for row in rows), default=0) for column in (0, 1))
        return '\n'.join(f'{step:<{first}}  {name:<{second}}  {value}' for step, name, value in rows)

    def __repr__(self) -> str:
        counts = ', '.join(f'{len(results)} {kind}' for kind, results in self.query().items() if results)
        return f'<MetricResults: {counts or "none"}>'

    __str__ = table


def _result(key: MetricKey, cell: Any) -> Any:
    if isinstance(cell, StringSetCell) and cell.truncated:
        warnings.warn(f'the string set {_short(key.metric)} of {key.step!r} had more than {cell.LIMIT} '
                      'characters: the texts that come last in order were left out', stacklevel=3)
    return cell.result()


def _short(name: MetricName) -> str:
    return f'{name.namespace}:{name.name}'


def _shown(value: Any) -> str:
    if isinstance(value, DistributionResult):
        parts = {**value._asdict(), 'mean': value.mean}
        return ' '.join(f'{name}={part:g}' if isinstance(part, float) else f'{name}={part}'
                        for name, part in parts.items())
    if isinstance(value, GaugeResult):
        return str(value.value)
    return ', '.join(sorted(value)) if isinstance(value, frozenset) else str(value)
