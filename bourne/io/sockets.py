"""``ReadFromSocket``: lines from a TCP connection."""

from __future__ import annotations

import logging
import socket
from typing import Any

import attrs

from bourne.errors import SourceError, TransformError
from bourne.io.growing import Block, Growing, Tail
from bourne.io.textio import element_type, text_coder
from bourne.sdk.model.portable import portable
from bourne.sdk.model.source import DEFAULT_BYTES, DEFAULT_RECORDS, Idle, Reader, Records, Source
from bourne.sdk.model.timestamp import MIN_MICROS, Duration
from bourne.sdk.pcollection import PCollection
from bourne.sdk.ptransform import PTransform
from bourne.sdk.transforms.read import read

_LOG = logging.getLogger(__name__)

#: So many bytes are taken from the connection at a time.
CHUNK = 128 << 10
#: While nothing comes, the watermark follows the clock in steps of so many microseconds.
STEP = 100_000


class ReadFromSocket(PTransform):
    """Reads the lines that a server sends over a TCP connection: an unbounded collection.

    When the server closes the connection the collection ends, unless there are retries; a last line without an end
    counts. What a server has sent cannot be read again, so that a run that fails may lose lines: it is meant for trying
    things out (``nc -lk 9999``), and for servers that keep nothing.

    Args:
      host: the server's name or address.
      port: the port that it listens at.
      retries: how many times in a row to try again, when it cannot be reached or has closed the connection;
        ``None`` for ever.
      retry_interval: how long to wait in between, in seconds.
      connect_timeout: how long an attempt may take, in seconds.
      strip_trailing_newlines: whether lines come without what ends them.
      coder: decodes a line from bytes, in place of UTF-8.
      delimiter: bytes that end a line in place of a newline.
      arrival_times: lines have the time at which they are read as event time, and the watermark follows the clock. If
        False, times are not known, and ``WithTimestamps(..., out_of_orderness=...)`` says what they are.

    Raises:
      TransformError: if an argument is not valid.
    """

    def __init__(
        self,
        host: str,
        port: int,
        retries: int | None = 0,
        retry_interval: float | Duration = 1.0,
        connect_timeout: float | Duration = 10.0,
        strip_trailing_newlines: bool = True,
        coder: Any = None,
        delimiter: bytes | None = None,
        arrival_times: bool = True,
    ) -> None:
        super().__init__()
        if not isinstance(host, str) or not host:
            raise TransformError(f'ReadFromSocket: host must be a name or an address; got {host!r}')
        if isinstance(port, bool) or not isinstance(port, int) or not 0 < port < 65536:
            raise TransformError(f'ReadFromSocket: port must be a number from 1 to 65535; got {port!r}')
        if retries is not None and (isinstance(retries, bool) or not isinstance(retries, int) or retries < 0):
            raise TransformError(f'ReadFromSocket: retries must be a number from 0, or None; got {retries!r}')
        pause, timeout = Duration.of(retry_interval), Duration.of(connect_timeout)
        if min(pause.micros, timeout.micros) <= 0:
            raise TransformError('ReadFromSocket: retry_interval and connect_timeout must be positive numbers of '
                                 f'seconds; got {retry_interval!r} and {connect_timeout!r}')
        how = Growing(strip_trailing_newlines, text_coder(coder), delimiter, None, arrival_times)
        how.check()
        self._source = SocketSource(host, port, how, retries, pause.micros, timeout.micros)
        self._coder = coder

    def expand(self, pbegin: Any) -> PCollection[Any]:
        return read(self, pbegin, self._source, element_type(self._coder, False))

    def display_data(self) -> dict[str, Any]:
        return {'host': self._source.host, 'port': self._source.port}


@portable
@attrs.frozen
class SocketSource(Source[Any]):
    """The records that a server sends.

    Attributes:
      host: the server.
      port: its port.
      how: how records are cut.
      retries: how many times in a row to try again; ``None`` for ever.
      pause: how long to wait in between, in microseconds.
      timeout: how long an attempt may take, in microseconds.
    """

    host: str
    port: int
    how: Growing = attrs.field(factory=Growing)
    retries: int | None = 0
    pause: int = 1_000_000
    timeout: int = 10_000_000

    @property
    def bounded(self) -> bool:
        return False

    def splits(self, desired: int = 1) -> list[int]:
        return [0]

    def open(self, split: int, position: int | None = None) -> SocketReader:
        return SocketReader(self, position or 0)


class SocketReader(Reader[Any]):
    """Reads from one connection after the other. It connects with its first poll.

    Args:
      source: the source.
      offset: how many bytes were read before.
    """

    def __init__(self, source: SocketSource, offset: int = 0) -> None:
        self._source = source
        self._form = source.how.form()
        self._origin = f'tcp://{source.host}:{source.port}'
        self._socket: socket.socket | None = None
        self._tail = Tail(self._form.framing, self._origin, offset)
        self._block: Block | None = None
        self._failed = 0
        self._again = MIN_MICROS
        self._ended = False
        self._watermark = MIN_MICROS

    def poll(self, max_records: int = DEFAULT_RECORDS, max_bytes: int = DEFAULT_BYTES) -> Records[Any] | None:
        values: list[Any] = []
        taken = 0
        while len(values) < max_records:
            if self._block is None:
                size = self._receive(min(CHUNK, max(1, max_bytes - taken))) if taken < max_bytes else 0
                if not size and self._block is None:
                    break
                taken += size
            if self._block is not None:
                values += self._block.take(max_records - len(values))
                if not self._block.left:
                    self._block = None
        if self._ended and not values and self._block is None:
            return None
        if self._source.how.arrival:
            self._watermark = max(self._watermark, self.now)
        return Records(values, self.now if self._source.how.arrival else MIN_MICROS)

    def _receive(self, size: int) -> int:
        """Takes what has come by now; returns how many bytes that were."""
        if self._ended or (self._socket is None and not self._connect()):
            return 0
        assert self._socket is not None
        try:
            data = self._socket.recv(size)
        except (BlockingIOError, InterruptedError):
            return 0
        except OSError as error:
            self._lost(error)
            return 0
        if not data:
            self._closed()
            return 0
        self._failed = 0
        self._keep(*self._tail.add(data))
        return len(data)

    def _keep(self, base: int, data: bytes) -> None:
        if data:
            self._block = Block(self._form, self._origin, base, data)

    def _connect(self) -> bool:
        """Makes a connection, if it is time."""
        if self.now < self._again:
            return False
        source = self._source
        try:
            made = socket.create_connection((source.host, source.port), source.timeout / 1_000_000)
        except OSError as error:
            problem = error.strerror or error
            self._retry(f'cannot connect to {self._origin}: {problem}. Does a server listen there?', error)
            return False
        made.setblocking(False)
        # A peer that is gone without a word is noticed, sooner or later.
        made.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        self._socket = made
        return True

    def _closed(self) -> None:
        """The server has closed the connection in good order."""
        self._disconnect()
        self._keep(*self._tail.finish())
        if self._source.retries == 0:
            self._ended = True
        else:
            self._retry(f'{self._origin} has closed the connection')

    def _lost(self, error: OSError) -> None:
        """The connection broke off."""
        self._disconnect()
        rest, self._tail.rest = len(self._tail.rest), b''
        lost = f'; {rest} bytes of an incomplete record are lost' if rest else ''
        self._retry(f'the connection to {self._origin} broke off after {self._tail.offset} bytes: '
                    f'{error.strerror or error}{lost}', error)

    def _retry(self, problem: str, error: OSError | None = None) -> None:
        """Waits for the next attempt, or gives up."""
        retries = self._source.retries
        if retries is not None and self._failed >= retries:
            tried = f' (after {retries} retries)' if retries else ''
            raise SourceError(f'{problem}{tried}') from error
        self._failed += 1
        self._again = self.now + self._source.pause
        _LOG.warning('%s; trying again in %g s', problem, self._source.pause / 1_000_000)

    def _disconnect(self) -> None:
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    @property
    def position(self) -> int:
        return self._tail.offset if self._block is None else self._block.offset

    @property
    def watermark(self) -> int:
        return self._watermark

    def idle(self) -> Idle:
        if self._socket is None:
            return Idle(until=self._again)
        return Idle(self.now + STEP if self._source.how.arrival else None, self._socket.fileno())

    def close(self) -> None:
        self._disconnect()
