"""The coordinator of streams, by tables and a law."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from bourne.engine.stream.coordinator import (
    Commit,
    Committed,
    Coordinator,
    Drain,
    Finish,
    HostDone,
    Prepare,
    Prepared,
    RunEpoch,
    Wait,
    Woken,
)

BUSY = {'busy': True, 'ended': False, 'due': None}
IDLE = {'busy': False, 'ended': False, 'due': None}
ENDED = {'busy': False, 'ended': True, 'due': None}


def test_the_first_command_is_an_epoch() -> None:
    assert Coordinator(1, []).start() == [RunEpoch(0, False)]


def test_an_epoch_is_over_when_all_hosts_are_done() -> None:
    coordinator = Coordinator(2, [])
    coordinator.start()
    assert coordinator.handle(HostDone(1, **BUSY)) == []
    assert coordinator.handle(HostDone(0, **IDLE)) == [RunEpoch(1, False)]


def test_with_nothing_to_do_it_waits_for_the_first_instant() -> None:
    coordinator = Coordinator(3, [])
    coordinator.start()
    coordinator.handle(HostDone(0, False, False, 70))
    coordinator.handle(HostDone(1, False, False, 50))
    assert coordinator.handle(HostDone(2, **ENDED)) == [Wait(50)]
    assert coordinator.handle(Woken()) == [RunEpoch(1, False)]


def test_a_stream_without_sinks_is_over_when_its_sources_are() -> None:
    coordinator = Coordinator(1, [])
    coordinator.start()
    assert coordinator.handle(HostDone(0, **ENDED)) == [Finish()]


def test_sinks_commit_at_the_end() -> None:
    coordinator = Coordinator(2, ['a', 'b'])
    coordinator.start()
    coordinator.handle(HostDone(0, **ENDED))
    assert coordinator.handle(HostDone(1, **ENDED)) == [Prepare()]
    assert coordinator.handle(Prepared(0, ['a', 'b'])) == []
    assert coordinator.handle(Prepared(1, ['b', 'a'])) == [Commit(('a', 'b'))]
    assert coordinator.handle(Committed(('a', 'b'))) == [Finish()]


def test_what_a_commit_returns_has_an_epoch_of_its_own() -> None:
    coordinator = Coordinator(1, ['first', 'second'], ['first'])
    coordinator.start()
    assert coordinator.handle(HostDone(0, **ENDED)) == [Prepare()]
    assert coordinator.handle(Prepared(0, ['first'])) == [Commit(('first',))]
    assert coordinator.handle(Committed(('first',))) == [RunEpoch(1, False)]
    assert coordinator.handle(HostDone(0, **ENDED)) == [Prepare()]
    assert coordinator.handle(Prepared(0, ['second'])) == [Commit(('second',))]
    assert coordinator.handle(Committed(('second',))) == [Finish()]


def test_what_the_last_commit_returns_is_read_too() -> None:
    coordinator = Coordinator(1, ['only'], ['only'])
    coordinator.start()
    coordinator.handle(HostDone(0, **ENDED))
    coordinator.handle(Prepared(0, ['only']))
    assert coordinator.handle(Committed(('only',))) == [RunEpoch(1, False)]
    assert coordinator.handle(HostDone(0, **ENDED)) == [Finish()]


def test_a_drain_ends_a_wait() -> None:
    coordinator = Coordinator(1, [])
    coordinator.start()
    coordinator.handle(HostDone(0, **IDLE))
    assert coordinator.handle(Drain()) == [RunEpoch(1, True)]
    assert coordinator.handle(Woken()) == []
    assert coordinator.handle(HostDone(0, **ENDED)) == [Finish()]


def test_a_drain_in_the_middle_of_an_epoch_comes_with_the_next() -> None:
    coordinator = Coordinator(1, [])
    coordinator.start()
    assert coordinator.handle(Drain()) == []
    assert coordinator.handle(HostDone(0, **IDLE)) == [RunEpoch(1, True)]


@given(st.integers(1, 3), st.lists(st.sampled_from('abc'), unique=True), st.data())
def test_every_stream_comes_to_its_end_with_everything_committed_once(hosts: int, sinks: list[str],
                                                                       data: st.DataObject) -> None:
    """Whatever happens, in whichever order: one epoch at a time, and at the end each sink was committed once."""
    read = data.draw(st.lists(st.sampled_from(sinks), unique=True)) if sinks else []
    coordinator = Coordinator(hosts, sinks, read)
    lives = data.draw(st.integers(0, 5))
    commands = coordinator.start()
    committed: list[str] = []
    epochs: list[int] = []
    drained = False
    for _ in range(200):
        assert commands, 'nothing to do, and not finished'
        command, *commands = commands
        match command:
            case RunEpoch(number=number, drain=drain):
                epochs.append(number)
                ended = drain or number >= lives
                for host in data.draw(st.permutations(range(hosts))):
                    busy = not ended and data.draw(st.booleans())
                    commands += coordinator.handle(HostDone(host, busy, ended, data.draw(st.none() | st.integers())))
            case Wait():
                commands += coordinator.handle(Woken())
            case Prepare():
                left = [label for label in sinks if label not in committed]
                now = data.draw(st.lists(st.sampled_from(left), unique=True, min_size=1))
                for host in data.draw(st.permutations(range(hosts))):
                    commands += coordinator.handle(Prepared(host, now))
            case Commit(labels=labels):
                committed += labels
                commands += coordinator.handle(Committed(labels))
            case Finish():
                assert sorted(committed) == sorted(sinks)
                assert epochs == list(range(len(epochs)))
                assert not commands
                return
        coordinator.validate()
        if not drained and data.draw(st.integers(0, 9)) == 0:
            drained = True
            commands += coordinator.handle(Drain())
    raise AssertionError('it does not come to an end')
