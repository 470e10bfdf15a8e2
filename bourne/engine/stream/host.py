"""A host: one instance of every stage, in one process, and an epoch over all of them.

Hosts exchange data among themselves. When a host has run a stage it sends one *parcel* to every other host that reads
from it: the elements for that host, and the watermarks of the collections. A host runs a stage once the parcels of the
epoch are in from all hosts that the stage reads from; so one command from the coordinator is enough for an epoch. All
hosts run the stages in the same order and send before they wait, so they never wait for each other in a circle.

What carries the parcels is not known here; see :class:`Links`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple, Protocol

from bourne.engine.bundle import Bundle
from bourne.engine.exchange import WHOLE, Route, partition, route
from bourne.engine.plan.stage import FORWARD, SPREAD, Plan
from bourne.engine.program.notes import annotate
from bourne.engine.stream.instance import Instance
from bourne.engine.stream.status import StageReport
from bourne.engine.task import Run
from bourne.errors import ExecutionError
from bourne.sdk.graph.nodes import MAIN, Write
from bourne.sdk.model.metric import MetricsContainer
from bourne.sdk.model.timestamp import MAX_MICROS, MIN_MICROS

#: What a host reads from: for each split of a source, by the reading operator's label, the split and a position.
Splits = Mapping[str, Sequence[tuple[Any, Any]]]


class Parcel(NamedTuple):
    """What one host sends to another when it has run a stage.

    Attributes:
      epoch: the number of the epoch.
      stage: the number of the stage that was run.
      bundles: the elements: for each reading stage's number, whether as a side input, and the collection.
      watermarks: of each collection.
    """

    epoch: int
    stage: int
    bundles: Mapping[tuple[int, bool, str], Sequence[Bundle]]
    watermarks: Mapping[str, int]


class Links(Protocol):
    """Carries parcels between hosts."""

    def send(self, host: int, parcel: Parcel) -> None:
        """Sends a parcel; does not wait for its arrival."""

    def receive(self, host: int) -> Parcel:
        """The next parcel of a host; waits for it. Those of one host come in the order in which they were sent."""


class Order(NamedTuple):
    """What the coordinator says to a host for an epoch.

    Attributes:
      number: the epoch's.
      now: processing time, in microseconds.
      drain: sources end where they stand.
      committed: what commits of sinks returned since the last epoch, by the collection that has it; these
        collections have ended. Only host 0 gets the elements.
    """

    number: int
    now: int
    drain: bool = False
    committed: Mapping[str, Sequence[Any]] = MappingProxyType({})


class Report(NamedTuple):
    """What a host answers when an epoch is over.

    Attributes:
      busy: a source gave elements, so that it may have more at once.
      ended: all sources have ended.
      due: when something is due at the latest, in microseconds of processing time; ``None`` if nothing is.
    """

    busy: bool
    ended: bool
    due: int | None


class _Way(NamedTuple):
    """The way of a collection into a stage that reads it.

    Attributes:
      stage: the number of the reading stage.
      route: by key, spread, or as it is.
      side: the stage reads it as a side input: all of it goes to all hosts.
    """

    stage: int
    route: Route
    side: bool

    @property
    def travels(self) -> bool:
        """True if elements may go to another host."""
        return self.side or self.route.kind != FORWARD


class Host:
    """The stage instances of one process. Used by one thread.

    Args:
      plan: the plan, with user functions that nobody else uses.
      run: what the whole run has in common.
      number: this host's.
      hosts: how many there are.
      splits: what it reads.
      links: the way to the others; not needed if there are none.
    """

    def __init__(self, plan: Plan, run: Run, number: int, hosts: int, splits: Splits,
                 links: Links | None = None) -> None:
        self._number = number
        self._peers = [peer for peer in range(hosts) if peer != number]
        self._links = links
        self.instances = [Instance(plan, stage, run, number, hosts, splits.get(stage.ops[0].label, ()))
                          for stage in plan.stages]
        self._makers = {name: index for index, stage in enumerate(plan.stages) for name in stage.produced}
        self._ways = ways(plan, hosts)
        self._travelling = {self._makers[name] for name, found in self._ways.items()
                            if self._peers and any(way.travels for way in found)}
        # What a commit returns is known when all is committed; until then its watermark stays at the minimum.
        self._committed = {op.outputs[MAIN]: MIN_MICROS for stage in plan.stages for op in stage.sinks
                           if MAIN in op.outputs}
        self._prepared: set[str] = set()
        self._inbox: dict[tuple[int, bool, str], list[Bundle]] = {}
        self._remote: dict[str, list[int]] = {name: [MIN_MICROS] * hosts for name in self._makers}
        self._received: dict[int, tuple[int, int]] = dict.fromkeys(self._peers, (-1, -1))
        self._turn = number

    def open(self) -> None:
        """Sets all user functions up."""
        for instance in self.instances:
            instance.open()

    def close(self) -> None:
        """Tears all user functions down.

        Raises:
          Exception: the first failure of a teardown, when all were called.
        """
        failures: list[Exception] = []
        for instance in self.instances:
            try:
                instance.close()
            except Exception as error:
                failures.append(error)
        if failures:
            raise failures[0]

    def run(self, order: Order) -> Report:
        """Runs an epoch.

        Raises:
          Exception: a user function's own, with a note that says where.
        """
        for name, values in order.committed.items():
            self._committed[name] = MAX_MICROS
            if values:
                self.instances[self._makers[name]].outputs[name] = [Bundle(list(values))]
        for index, instance in enumerate(self.instances):
            self._run(index, instance, order)
            self._hand_out(index, instance, order.number)
        return self._report(order)

    def prepare(self) -> dict[str, list[tuple[int, Any]]]:
        """Has the sinks prepare that get no more and have not done so.

        Returns:
          By the writing operator's label, shards and tokens.
        """
        made = {op.label: instance.writers.prepare(op.label) for instance in self.instances if instance.ended
                for op in instance.stage.sinks if op.label not in self._prepared}
        self._prepared.update(made)
        return made

    def metrics(self) -> MetricsContainer:
        """What was counted and measured since this was asked last."""
        whole = MetricsContainer()
        for instance in self.instances:
            whole.merge(instance.take_metrics())
        return whole

    def status(self) -> list[StageReport]:
        """How each stage stands here."""
        return [instance.status(self._committed) for instance in self.instances]

    def filenos(self) -> list[int]:
        """Descriptors that become readable when a source has data."""
        return [fileno for instance in self.instances for fileno in instance.filenos()]

    # An epoch.

    def _run(self, index: int, instance: Instance, order: Order) -> None:
        if instance.reads:
            instance.read(order.now, order.drain)
            return
        stage = instance.stage
        for name in (*stage.inputs, *stage.side_inputs):
            self._await(self._makers[name], order.number)
        watermark = min((self._watermark(name, index) for name in stage.inputs), default=MAX_MICROS)
        inputs = {name: found for name in stage.inputs if (found := self._inbox.pop((index, False, name), None))}
        sides = {name: (self._inbox.pop((index, True, name), ()), self._watermark(name, None))
                 for name in stage.side_inputs}
        instance.take(inputs, watermark, order.now, sides)

    def _await(self, maker: int, epoch: int) -> None:
        """Waits for the parcels of all other hosts that have run a stage."""
        if maker not in self._travelling:
            return
        assert self._links is not None
        for peer in self._peers:
            while self._received[peer] < (epoch, maker):
                parcel = self._links.receive(peer)
                self._received[peer] = (parcel.epoch, parcel.stage)
                for key, bundles in parcel.bundles.items():
                    self._inbox.setdefault(key, []).extend(bundles)
                for name, micros in parcel.watermarks.items():
                    self._remote[name][peer] = micros

    def _watermark(self, name: str, reader: int | None) -> int:
        """The watermark of a collection, over all hosts that it may come from.

        Args:
          name: the collection.
          reader: the stage that reads it, ``None`` for a side input.
        """
        own = self._committed.get(name)
        if own is None:
            own = self.instances[self._makers[name]].watermarks[name]
        if not self._peers or not any(way.travels for way in self._ways[name] if reader in (None, way.stage)):
            return own
        return min(own, *(self._remote[name][peer] for peer in self._peers))

    def _hand_out(self, index: int, instance: Instance, epoch: int) -> None:
        """Gives what a stage has made to those who read it."""
        parcels: dict[int, dict[tuple[int, bool, str], list[Bundle]]] = {peer: {} for peer in self._peers}
        for name, bundles in instance.outputs.items():
            for way in self._ways[name]:
                key = (way.stage, way.side, name)
                for bundle in bundles:
                    self._turn += 1
                    for target, piece in self._pieces(bundle, way):
                        box = self._inbox if target == self._number else parcels[target]
                        box.setdefault(key, []).append(piece)
        instance.outputs.clear()
        if index in self._travelling:
            assert self._links is not None
            watermarks = {**instance.watermarks, **{name: micros for name, micros in self._committed.items()
                                                    if self._makers[name] == index}}
            for peer in self._peers:
                try:
                    self._links.send(peer, Parcel(epoch, index, parcels[peer], watermarks))
                except ExecutionError as error:
                    annotate(error, instance.stage, {}, (len(instance.stage.ops) - 1, 'the exchange of its output'))
                    raise

    def _pieces(self, bundle: Bundle, way: _Way) -> Iterable[tuple[int, Bundle]]:
        """What goes to which host."""
        if not self._peers or not way.travels:
            return ((self._number, bundle),)
        if way.side:
            return [(host, bundle) for host in (self._number, *self._peers)]
        try:
            pieces = partition(bundle, way.route, self._turn)
        except Exception as error:  # it is what reads them that needs pairs with a key
            annotate(error, self.instances[way.stage].stage, {}, (0, ''))
            raise
        return [(host, piece) for host, piece in enumerate(pieces) if piece.values]

    def _report(self, order: Order) -> Report:
        found = [due for instance in self.instances if (due := instance.due(order.now)) is not None]
        return Report(
            any(instance.busy for instance in self.instances),
            all(instance.ended for instance in self.instances if instance.reads),
            min(found, default=None))


def ways(plan: Plan, hosts: int) -> dict[str, list[_Way]]:
    """How each collection gets to those who read it.

    Args:
      plan: the plan.
      hosts: how many hosts there are; each has one partition of every stage.
    """
    found: dict[str, list[_Way]] = {name: [] for stage in plan.stages for name in stage.produced}
    for index, stage in enumerate(plan.stages):
        root = stage.ops[0].payload
        shards = root.sink.shards if isinstance(root, Write) and stage.entry == SPREAD else None
        way = route(stage.entry, hosts if shards is None else min(hosts, shards))
        for name in dict.fromkeys(stage.inputs):
            found[name].append(_Way(index, way, False))
        for name in stage.side_inputs:
            found[name].append(_Way(index, WHOLE, True))
    return found
