"""Metrics: user code counts and measures while the pipeline runs, and asks for the results afterwards.

::

    class Parse(beam.DoFn):
        empty = Metrics.counter('parse', 'empty_lines')

        def process(self, line):
            if not line:
                self.empty.inc()
            ...

    result = pipeline.run()
    result.metrics().query(MetricsFilter().with_name('empty_lines'))['counters'][0].committed

An update belongs to the step that is running. Outside of a pipeline it does nothing.
"""

from __future__ import annotations

from bourne.sdk.lineage import Lineage
from bourne.sdk.metric_handles import BoundedTrie, Counter, Distribution, Gauge, Metric, StringSet
from bourne.sdk.metric_results import MetricResult, MetricResults, MetricsFilter, namespace_of
from bourne.sdk.model.metric import ELEMENTS, MetricKey, MetricName, elements_name

__all__ = [
    'Metrics', 'MetricsFilter', 'MetricResults', 'MetricResult', 'MetricName', 'MetricKey', 'Lineage',
    'Metric', 'Counter', 'Distribution', 'Gauge', 'StringSet', 'BoundedTrie', 'ELEMENTS', 'elements_name',
]


class Metrics:
    """Makes handles on metrics. Handles with the same namespace and name are for the same metric."""

    DelegatingCounter = Counter
    DelegatingDistribution = Distribution
    DelegatingGauge = Gauge
    DelegatingStringSet = StringSet
    DelegatingBoundedTrie = BoundedTrie

    @staticmethod
    def get_namespace(namespace: type | str) -> str:
        """The namespace as text: a class is its module and name.

        Raises:
          TransformError: if it is neither a class nor a string.
        """
        return namespace_of(namespace)

    @staticmethod
    def counter(namespace: type | str, name: str) -> Counter:
        """A counter.

        Args:
          namespace: groups metrics: a string, or a class for its name.
          name: the metric's name in the namespace.
        """
        return Counter(_name(namespace, name))

    @staticmethod
    def distribution(namespace: type | str, name: str, process_wide: bool = False) -> Distribution:
        """A distribution; arguments as for :meth:`counter`.

        Args:
          namespace: groups metrics: a string, or a class for its name.
          name: the metric's name in the namespace.
          process_wide: belongs to no step but to the run as a whole (its step is ``''``).
        """
        return Distribution(_name(namespace, name), process_wide)

    @staticmethod
    def gauge(namespace: type | str, name: str, process_wide: bool = False) -> Gauge:
        """A gauge; arguments as for :meth:`distribution`."""
        return Gauge(_name(namespace, name), process_wide)

    @staticmethod
    def string_set(namespace: type | str, name: str) -> StringSet:
        """A string set; arguments as for :meth:`counter`."""
        return StringSet(_name(namespace, name))

    @staticmethod
    def bounded_trie(namespace: type | str, name: str) -> BoundedTrie:
        """A bounded trie; arguments as for :meth:`counter`."""
        return BoundedTrie(_name(namespace, name))


def _name(namespace: type | str, name: str) -> MetricName:
    return MetricName(namespace_of(namespace), name)
