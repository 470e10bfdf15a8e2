"""Parcels between the hosts of a stream: a pipe for each pair of processes.

A parcel is one message, in which each bundle is a pickle of protocol 5 of its own; buffers that pickle hands out follow
it as they are. A thread does the writing, so that two hosts that send each other more than a pipe holds do not wait for
each other.
"""

from __future__ import annotations

import pickle
from collections.abc import Mapping
from queue import SimpleQueue
from threading import Thread
from typing import Any

from bourne.engine.stream.host import Parcel
from bourne.runners.common.encoding import Codec


class HostGone(Exception):
    """Another host is gone. It is the coordinator that finds out why."""


class Mesh:
    """One host's end of the pipes to all others. See :class:`bourne.engine.stream.host.Links`.

    Args:
      pipes: the pipe to each other host, by its number.
    """

    def __init__(self, pipes: Mapping[int, Any]) -> None:
        self._pipes = pipes
        self._codec = Codec()
        self._queue: SimpleQueue[tuple[int, bytes] | None] = SimpleQueue()
        self._writer = Thread(target=self._write, name='bourne mesh', daemon=True)
        self._writer.start()

    def send(self, host: int, parcel: Parcel) -> None:
        """See :class:`bourne.engine.stream.host.Links`.

        Raises:
          ExecutionError: if an element cannot be pickled; names it.
        """
        bundles = {key: [b''.join(self._codec.encode(bundle).parts) for bundle in found]
                   for key, found in parcel.bundles.items()}
        self._queue.put((host, pickle.dumps((parcel._replace(bundles={}), bundles), protocol=5)))

    def receive(self, host: int) -> Parcel:
        """See :class:`bourne.engine.stream.host.Links`.

        Raises:
          HostGone: if the other host is gone.
        """
        try:
            data = self._pipes[host].recv_bytes()
        except (EOFError, OSError) as error:
            raise HostGone from error
        parcel, bundles = pickle.loads(data)
        return Parcel(parcel.epoch, parcel.stage, {key: [self._codec.decode(memoryview(data)) for data in found]
                                                   for key, found in bundles.items()}, parcel.watermarks)

    def _write(self) -> None:
        while (item := self._queue.get()) is not None:
            host, data = item
            try:
                self._pipes[host].send_bytes(data)
            except OSError:
                return  # the other host is gone; the coordinator knows, and ends this one

    def close(self) -> None:
        """Ends the thread once everything is written."""
        self._queue.put(None)
        self._writer.join()
