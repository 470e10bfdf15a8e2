"""``ReadFromSocket``: lines from a server of this process, and what happens when it goes away."""

from __future__ import annotations

import select
import socket
import struct
from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Any

import pytest

from bourne.errors import SourceError, TransformError
from bourne.io.sockets import ReadFromSocket, SocketReader, SocketSource
from bourne.sdk.graph.graph import Graph
from bourne.sdk.model.coders import BytesCoder
from bourne.sdk.model.timestamp import MIN_MICROS
from bourne.sdk.pipeline import Pipeline

Connect = Callable[..., tuple[socket.socket, SocketReader]]


def reader(port: int, **how: Any) -> SocketReader:
    pipeline = Pipeline()
    made = pipeline | ReadFromSocket('127.0.0.1', port, **how)
    assert not made.is_bounded
    source: SocketSource = Graph.from_json(pipeline.to_graph().to_json()).transforms[0].payload.source
    assert not source.bounded
    return source.open(*source.splits())


@pytest.fixture
def server() -> Iterator[socket.socket]:
    with socket.create_server(('127.0.0.1', 0)) as made:
        yield made


@pytest.fixture
def connect(server: socket.socket) -> Iterator[Connect]:
    """Connects a reader with a server; gives the server's end and the reader."""
    open_ones: list[Any] = []

    def make(**how: Any) -> tuple[socket.socket, SocketReader]:
        made = reader(server.getsockname()[1], **how)
        assert made.poll().values == []
        peer = server.accept()[0]
        open_ones.extend((peer, made))
        return peer, made

    yield make
    for one in open_ones:
        one.close()


def wait(reader: SocketReader) -> None:
    """Until there is something to read, as the engine does."""
    ready, _, _ = select.select([reader.idle().fileno], [], [], 30)
    assert ready


def take(reader: SocketReader, count: int, **limits: int) -> list[Any]:
    """So many elements, or all up to the end."""
    values: list[Any] = []
    while len(values) < count:
        records = reader.poll(**limits)
        if records is None:
            break
        values += records.values
        if len(values) < count and reader.idle().fileno is not None:
            wait(reader)
    return values


def refuse_politeness(peer: socket.socket) -> None:
    """Closes a connection by breaking it off."""
    peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 0))
    peer.close()


def test_lines_as_they_come_until_the_server_closes(connect: Connect) -> None:
    peer, reader = connect()
    peer.sendall(b'a\nb\r\nhal')
    assert take(reader, 2) == ['a', 'b']
    peer.sendall(b'f\nlast')
    assert take(reader, 1) == ['half']
    peer.close()
    assert take(reader, 2) == ['last']
    assert reader.poll() is None


def test_polls_are_bounded_and_positions_count_bytes(connect: Connect) -> None:
    peer, reader = connect()
    peer.sendall(b'aa\nbb\ncc\n')
    wait(reader)
    assert reader.poll(max_records=1).values == ['aa']
    assert reader.position == 3
    assert reader.poll(max_records=5).values == ['bb', 'cc']
    assert reader.position == 9
    peer.sendall(b'dd\nee\n')
    assert take(reader, 2, max_bytes=1) == ['dd', 'ee']


@pytest.mark.parametrize('arrival', [True, False])
def test_times(connect: Connect, arrival: bool) -> None:
    peer, reader = connect(arrival_times=arrival)
    peer.sendall(b'a\n')
    wait(reader)
    reader.now = 7
    assert reader.poll().timestamps == (7 if arrival else MIN_MICROS)
    reader.now = 9
    reader.poll()
    assert reader.watermark == (9 if arrival else MIN_MICROS)
    # Without lines the watermark moves only if somebody looks at the clock.
    assert reader.idle().until == (100_009 if arrival else None)


def test_it_connects_again(connect: Connect, server: socket.socket, caplog: pytest.LogCaptureFixture) -> None:
    peer, reader = connect(retries=1, retry_interval=2)
    peer.sendall(b'a\nb')
    peer.close()
    assert take(reader, 2) == ['a', 'b']
    assert 'has closed the connection; trying again in 2 s' in caplog.text
    assert reader.idle().until == 2_000_000
    assert reader.poll().values == []
    reader.now = 2_000_000
    assert reader.poll().values == []
    with closing(server.accept()[0]) as peer:
        peer.sendall(b'c\nd')
        assert take(reader, 1) == ['c']
        refuse_politeness(peer)
    wait(reader)
    assert reader.poll().values == []
    assert 'broke off after 5 bytes' in caplog.text
    assert '1 bytes of an incomplete record are lost' in caplog.text
    server.close()
    reader.now = 4_000_000
    with pytest.raises(SourceError, match=r'cannot connect to tcp://127.0.0.1:\d+: .*Does a server .*after 1 retries'):
        reader.poll()


def test_a_connection_that_breaks_off_is_an_error(connect: Connect) -> None:
    peer, reader = connect()
    peer.sendall(b'a\n')
    assert take(reader, 1) == ['a']
    refuse_politeness(peer)
    wait(reader)
    with pytest.raises(SourceError, match=r'the connection to tcp://127.0.0.1:\d+ broke off after 2 bytes: '):
        reader.poll()


def test_nobody_listens(server: socket.socket) -> None:
    port = server.getsockname()[1]
    server.close()
    with pytest.raises(SourceError, match=rf'cannot connect to tcp://127.0.0.1:{port}: .*\. Does a server listen th'):
        reader(port).poll()
    patient = reader(port, retries=None)
    for second in range(5):
        patient.now = 1_000_000 * second
        assert patient.poll().values == []


def test_other_records(connect: Connect) -> None:
    peer, reader = connect(coder=BytesCoder(), delimiter=b'\0', strip_trailing_newlines=False)
    peer.sendall(b'\xff\0\n\0')
    assert take(reader, 2) == [b'\xff\0', b'\n\0']


def test_a_record_that_cannot_be_decoded_says_where(connect: Connect) -> None:
    peer, reader = connect()
    peer.sendall(b'good\nb\xffd\n')
    wait(reader)
    with pytest.raises(SourceError, match=r'tcp://127.0.0.1:\d+, byte 6: the byte 0xff is not UTF-8 text'):
        reader.poll()


@pytest.mark.parametrize(('build', 'message'), [
    (lambda: ReadFromSocket('', 1), "host must be a name or an address; got ''"),
    (lambda: ReadFromSocket('localhost', 0), 'port must be a number from 1 to 65535; got 0'),
    (lambda: ReadFromSocket('localhost', '9999'), "port must be a number from 1 to 65535; got '9999'"),
    (lambda: ReadFromSocket('localhost', 1, retries=-1), 'retries must be a number from 0, or None; got -1'),
    (lambda: ReadFromSocket('localhost', 1, retry_interval=0), 'must be positive numbers of seconds; got 0 and 10.0'),
    (lambda: ReadFromSocket('localhost', 1, delimiter=b''), 'the delimiter must be a non-empty bytes object'),
])
def test_what_makes_no_sense_is_refused(build: Any, message: str) -> None:
    with pytest.raises(TransformError, match=message):
        build()
