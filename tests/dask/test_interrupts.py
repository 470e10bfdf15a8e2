"""Ctrl-C ends a run on a cluster of its own, and everything that belongs to it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil

from tests.dask.gates import Gate

SCRIPT = """
import os, sys, threading
import bourne as beam

def wait(x):
    with open(sys.argv[1], 'w') as gate:
        gate.write(str(os.getpid()))
    threading.Event().wait(60)

with beam.Pipeline(argv=['--runner=dask', '--workers=1', f'--temp_dir={sys.argv[2]}']) as pipeline:
    (pipeline | beam.Create(range(4000)) | beam.Map(wait) | beam.Map(str)
     | beam.io.WriteToText(f'{sys.argv[3]}/part'))
"""


def test_an_interrupt_ends_everything(tmp_path: Path) -> None:
    gate = Gate(tmp_path, 'gate')
    scratch, out = tmp_path / 'scratch', tmp_path / 'out'
    scratch.mkdir()
    process = subprocess.Popen([sys.executable, '-c', SCRIPT.replace('sys.argv[1]', repr(gate.path)), '', str(scratch),
                                str(out)], stderr=subprocess.PIPE, start_new_session=True)
    gate.reached()
    family = psutil.Process(process.pid).children(recursive=True)
    began = time.monotonic()
    os.killpg(process.pid, signal.SIGINT)
    _, errors = process.communicate(timeout=30)
    assert time.monotonic() - began < 15
    assert errors.decode().rstrip().endswith('KeyboardInterrupt')
    assert process.returncode in (130, -signal.SIGINT)
    assert psutil.wait_procs(family, timeout=30)[1] == []
    assert not out.exists() or list(out.iterdir()) == []
