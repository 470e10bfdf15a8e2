"""What wakes a stream."""

from __future__ import annotations

import os
import select
import threading

from bourne.runners.local.bell import Bell


def rings(bell: Bell) -> bool:
    return bool(select.select([bell], [], [], 0)[0])


def test_it_rings_until_it_is_hushed() -> None:
    bell = Bell()
    assert not rings(bell)
    for _ in range(100_000):  # more than the pipe holds
        bell.ring()
    assert rings(bell)
    while rings(bell):
        bell.hush()
    bell.hush()
    bell.close()


def test_after_it_is_closed_nothing_is_written_to_what_has_its_descriptors() -> None:
    bell = Bell()
    done = threading.Event()

    def ring() -> None:
        while not done.is_set():
            bell.ring()

    ringing = threading.Thread(target=ring)
    ringing.start()
    bell.close()
    pipes = [os.pipe() for _ in range(3)]
    bell.ring()
    bell.close()
    done.set()
    ringing.join()
    assert not select.select([ear for ear, _ in pipes], [], [], 0)[0]
    for pipe in pipes:
        for end in pipe:
            os.close(end)
