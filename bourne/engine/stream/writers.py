"""The writers of one stage in one host: opened when something is written, prepared when nothing more can come."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

from bourne.engine.plan.stage import Op
from bourne.sdk.model.sink import Sink, Writer, WriteTask


class Writers(dict[str, Writer[Any]]):
    """The open writers by label. One that is missing is opened.

    Args:
      ops: the writing operators.
      run: identifies the run.
      host: this host's number, which is the shard that it writes.
      hosts: how many there are. A sink with a number of shards of its own has them dealt out to the hosts.
    """

    def __init__(self, ops: Sequence[Op], run: str, host: int, hosts: int) -> None:
        super().__init__()
        self._sinks: dict[str, Sink[Any]] = {op.label: op.sink for op in ops}
        self._run = run
        self._host = host
        self._hosts = hosts

    def __missing__(self, label: str) -> Writer[Any]:
        sink = self._sinks[label]
        if sink.shards is None:
            made = sink.open(WriteTask(self._run, self._host))
        else:
            made = _Spread({shard: sink.open(WriteTask(self._run, shard, sink.shards))
                            for shard in range(self._host, sink.shards, self._hosts)})
        self[label] = made
        return made

    def prepare(self, label: str) -> list[tuple[int, Any]]:
        """Makes durable what was written.

        Returns:
          The shards and the tokens of their writers.
        """
        writer = self[label]
        made = writer.prepare() if isinstance(writer, _Spread) else [(self._host, writer.prepare())]
        del self[label]
        return [(shard, token) for shard, token in made if token is not None]

    def abort(self) -> None:
        """Removes what was written and not prepared."""
        while self:
            with suppress(Exception):
                self.popitem()[1].abort()


class _Spread(Writer[Any]):
    """The writers of several shards, which take turns."""

    def __init__(self, writers: Mapping[int, Writer[Any]]) -> None:
        self._writers = writers
        self._turn = 0

    def write(self, values: Sequence[Any]) -> None:
        count = len(self._writers)
        for number, writer in enumerate(self._writers.values()):
            part = values[(number - self._turn) % count::count]
            if part:
                writer.write(part)
        self._turn = (self._turn + len(values)) % count

    def prepare(self) -> list[tuple[int, Any]]:
        return [(shard, writer.prepare()) for shard, writer in self._writers.items()]

    def abort(self) -> None:
        for writer in self._writers.values():
            writer.abort()
