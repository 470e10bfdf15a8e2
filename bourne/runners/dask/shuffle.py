"""Dask's P2P shuffle for blocks of bytes: workers send each other what belongs to the other, through their disks.

An output becomes frames of one row a block: the task that takes it, where it belongs, and its bytes. What Dask does
with them costs a task for each output and one for each taker, where picked tasks cost one for each pair of them.
(https://distributed.dask.org/en/stable/shuffling.html)
"""

from __future__ import annotations

import pickle
from array import array
from collections import defaultdict
from collections.abc import Mapping, Sequence
from itertools import accumulate
from typing import TYPE_CHECKING, Any

from bourne.engine.blocks import Block
from bourne.engine.exchange import Route
from bourne.errors import OptionsError
from bourne.runners.dask.outputs import Output, Place

if TYPE_CHECKING:
    from pandas import DataFrame

#: The column that says which task takes a row.
TAKER = 'taker'
#: About how many bytes are made a frame and sent at once: Dask copies them several times on their way.
FRAME = 16 << 20
#: The most frames of an output.
FRAMES = 1000


def check_available() -> None:
    """Refuses a shuffle that nothing is there for.

    Raises:
      OptionsError: says what to install.
    """
    missing = missing_packages()
    if missing:
        raise OptionsError(f"--exchange=p2p needs {' and '.join(missing)}: install the extra 'shuffle', as in "
                           f"pip install 'bourne[shuffle]', here and on the workers")


def missing_packages() -> list[str]:
    """The packages that a shuffle needs and that are not installed here."""
    from importlib.util import find_spec

    return [name for name in ('pandas', 'pyarrow') if find_spec(name) is None]


def _meta() -> DataFrame:
    """An empty frame with the columns of all others."""
    import pandas as pd

    binary = pd.ArrowDtype(_pyarrow().large_binary())
    return pd.DataFrame({TAKER: pd.Series(dtype='int64'), 'head': pd.Series(dtype=binary),
                         'data': pd.Series(dtype=binary)})


def _pyarrow() -> Any:
    import pyarrow

    return pyarrow


def send(output: Output, takers: Mapping[Place, int], number: int, most: int, token: str) -> int:
    """Sends an output to the workers where it is to be taken, a frame at a time.

    Args:
      output: the output.
      takers: which task takes what goes to a place.
      number: which of the outputs it is.
      most: in how many frames an output is sent at most.
      token: identifies the shuffle.

    Returns:
      Which attempt of the shuffle it was sent in.
    """
    from distributed.shuffle._shuffle import shuffle_transfer

    count = max(1, min(most, -(-output.size // FRAME)))
    while True:
        attempts = {shuffle_transfer(framed(output, takers, number, part, count), token, number * most + part)
                    for part in range(count)}
        if len(attempts) == 1:  # else a worker was lost meanwhile, and the first frames with what it had received
            return int(attempts.pop())


def framed(output: Output, takers: Mapping[Place, int], number: int, part: int = 0, parts: int = 1) -> DataFrame:
    """Every so-many-th block of an output as a frame; see :func:`send`."""
    import pandas as pd

    found = [(place, turn, block) for place, blocks in output.blocks.items() if place in takers
             for turn, block in enumerate(blocks)]
    rows = [(takers[place], _head(number, place, turn, block), block.ref) for place, turn, block in found[part::parts]]
    columns = list(zip(*rows, strict=True)) or [(), (), ()]
    heads, data = (pd.arrays.ArrowExtensionArray(_binary(column)) for column in columns[1:])
    return pd.DataFrame({TAKER: pd.Series(columns[0], dtype='int64'), 'head': heads, 'data': data})


def _head(number: int, place: Place, turn: int, block: Block) -> bytes:
    """All about a block but its bytes: plain values, which are pickled ten times as fast as tuples with names."""
    name, (kind, partitions), partition = place
    return pickle.dumps((number, turn, name, kind, partitions, partition, block.elements, block.size, block.bucket,
                         block.mixed), protocol=5)


def _binary(values: Sequence[Any]) -> Any:
    """An array of bytes. (Of memory views, ``pyarrow.array`` never lets go: pyarrow 26.)"""
    pyarrow = _pyarrow()
    offsets = array('q', accumulate(map(len, values), initial=0))
    return pyarrow.Array.from_buffers(pyarrow.large_binary(), len(values),
                                      [None, pyarrow.py_buffer(offsets), pyarrow.py_buffer(b''.join(values))])


def unframed(frame: DataFrame) -> Output:
    """What a task takes, of the rows that came together for it."""
    data = _column(frame, 'data')
    blocks: defaultdict[Place, list[Block]] = defaultdict(list)
    # In the order of the tasks that made them, however they came.
    rows = sorted((*pickle.loads(head.as_buffer()), row) for row, head in enumerate(_column(frame, 'head')))
    for _, _, name, kind, partitions, partition, elements, size, bucket, mixed, row in rows:
        blocks[name, Route(kind, partitions), partition].append(
            Block(memoryview(data[row].as_buffer()), elements, size, bucket=bucket, mixed=mixed))
    return Output(blocks)


def _column(frame: DataFrame, name: str) -> Any:
    found = _pyarrow().array(frame[name], type=_pyarrow().large_binary())
    return found.combine_chunks() if hasattr(found, 'combine_chunks') else found


def shuffled(name: str, token: str, outputs: Sequence[Any], takers: Sequence[Mapping[Place, int]],
             count: int) -> tuple[dict[Any, Any], list[Any]]:
    """The tasks of a shuffle.

    Args:
      name: how their names begin.
      token: identifies the shuffle in the cluster.
      outputs: the keys of the outputs.
      takers: see :func:`send`, for each output.
      count: how many tasks take from it.

    Returns:
      The tasks by key, and the keys of the frames that they end in, one for each taker.

    Raises:
      OptionsError: if the installed Dask has no such shuffle.
    """
    from dask.task_spec import Task, TaskRef

    try:
        from distributed.shuffle._core import P2PBarrierTask, ShuffleId, barrier_key, p2p_barrier
        from distributed.shuffle._shuffle import DataFrameShuffleSpec, shuffle_unpack
    except ImportError as error:
        raise OptionsError(f'this version of Dask has no P2P shuffle that bourne knows ({error}); use '
                           f'--exchange=tasks') from error
    graph: dict[Any, Any] = {}
    for number, (key, goes) in enumerate(zip(outputs, takers, strict=True)):
        sending = (f'{name}: send-0{token}', number)
        graph[sending] = Task(sending, send, TaskRef(key), dict(goes), number, FRAMES, token)
    barrier = barrier_key(ShuffleId(token))
    spec = DataFrameShuffleSpec(id=ShuffleId(token), npartitions=count, column=TAKER, meta=_meta(), parts_out=count,
                                disk=True, drop_column=True)
    graph[barrier] = P2PBarrierTask(barrier, p2p_barrier, token, *map(TaskRef, list(graph)), spec=spec)
    received = [(f'{name}: receive-0{token}', number) for number in range(count)]
    graph.update({key: Task(key, shuffle_unpack, token, number, TaskRef(barrier))
                  for number, key in enumerate(received)})
    return graph, received
