"""A worker process of a stream: a host that does what the coordinator says.

What comes, and what is answered, each one pickle. An answer is ``('done', command, what is said here)``; any command
may be answered by ``('failed', command, exception)``.

==================  =============================================================
``('open',)``       ``None``: user functions are set up
``('run', order)``  a report; nothing at all if another host is gone
``('prepare',)``    tokens
``('metrics',)``    metrics
``('status',)``     reports
``('watch',)``      ``None`` once a source may have data, or anything else comes
``('enough',)``     nothing: it ends a ``watch``
``('close',)``      ``None``: user functions are torn down; the process ends
==================  =============================================================
"""

from __future__ import annotations

import gc
import os
import pickle
import signal
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

import cloudpickle

from bourne.engine.stream.host import Host
from bourne.runners.common.collector import relaxed_collector
from bourne.runners.common.failures import pack
from bourne.runners.local.mesh import HostGone, Mesh
from bourne.runners.local.starting import ignore_interrupts
from bourne.sdk.model.coders import registry
from bourne.sdk.value_provider import RuntimeValueProvider


def serve(pipe: Any, mesh: Mapping[int, Any], others: Sequence[Any], setting: bytes, number: int, hosts: int) -> None:
    """The main function of the process.

    Args:
      pipe: its end of the pipe to the coordinator.
      mesh: its ends of the pipes to the other hosts.
      others: pipes that it inherited and must not keep open.
      setting: the plan, the run, the splits, the pipeline's options and the registered coders, pickled.
      number: the host's number.
      hosts: how many there are.
    """
    # The coordinator ends the hosts. An interrupt at the terminal reaches all of them at once, and so may SIGTERM.
    ignore_interrupts()
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    for other in others:
        other.close()
    gc.freeze()
    try:
        plan, run, splits, options, coders = pickle.loads(setting)
        RuntimeValueProvider.set_runtime_options(options)
        registry.load_custom_type_coder_tuples(coders)
        links = Mesh(mesh)
        with relaxed_collector():
            _serve(pipe, Host(plan, run, number, hosts, splits, links))
        links.close()
    except (EOFError, BrokenPipeError, ConnectionResetError):
        pass  # the coordinator is gone
    except Exception as error:  # the plan cannot be loaded here: the answer to whatever is asked first
        with suppress(OSError):
            _send(pipe, 'failed', 'open', pack(error))
    finally:
        # No clean-up of what was inherited from the coordinator: its files, its atexit functions.
        os._exit(0)


def _serve(pipe: Any, host: Host) -> None:
    while True:
        command, *arguments = pickle.loads(pipe.recv_bytes())
        if command == 'enough':
            continue
        if command == 'watch':
            _watch(pipe, host.filenos())
            continue
        try:
            answer = getattr(host, command)(*arguments)
        except HostGone:
            continue  # the coordinator knows, and will have this one close
        except Exception as error:
            _send(pipe, 'failed', command, pack(error))
        else:
            _send(pipe, 'done', command, answer)
        if command == 'close':
            return


def _watch(pipe: Any, filenos: list[int]) -> None:
    from multiprocess.connection import wait

    wait([pipe, *filenos])
    _send(pipe, 'done', 'watch', None)


def _send(pipe: Any, kind: str, command: str, message: Any) -> None:
    # What a sink prepared may hold anything, such as objects of classes that only the user's script has.
    pipe.send_bytes(cloudpickle.dumps((kind, command, message), protocol=5))
