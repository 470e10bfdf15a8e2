"""Dask's P2P shuffle for blocks of bytes: workers send each other what belongs to the other, through their disks.

Outputs become frames of one row a block: the task that takes it, where it belongs, and its bytes. What Dask does with
them costs a task for each output, one for each taker and two more, where picked tasks cost one for each pair of them;
and some work for each pair of a frame and a taker, so that small outputs of one worker are sent together.
(https://distributed.dask.org/en/stable/shuffling.html)
"""

from __future__ import annotations

import pickle
from array import array
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from itertools import accumulate
from typing import TYPE_CHECKING, Any, NamedTuple

from bourne.engine.blocks import Block
from bourne.engine.exchange import Route
from bourne.errors import OptionsError
from bourne.runners.dask.outputs import Made, Output, Place
from bourne.runners.dask.versions import lacking

if TYPE_CHECKING:
    from distributed import Client
    from pandas import DataFrame

#: The packages that it needs where a frame is: here, on the scheduler, which gets an empty one, and on the workers.
NEEDS = ('pandas', 'pyarrow')
#: The column that says which task takes a row.
TAKER = 'taker'
#: About how many bytes are made a frame and sent at once: Dask copies them several times on their way.
FRAME = 16 << 20
#: The most frames that one task sends.
FRAMES = 1000


def check_available(client: Client) -> None:
    """Refuses a shuffle that something is missing for, here or on the cluster.

    Raises:
      OptionsError: says what to install.
    """
    missing = lacking(client, NEEDS)
    if missing:
        raise OptionsError(f"--exchange=p2p needs {' and '.join(NEEDS)} everywhere, and {'; '.join(missing)}: install "
                           f"the extra 'shuffle', as in pip install 'bourne[shuffle]', here, on the scheduler and on "
                           f'the workers')


def _meta() -> DataFrame:
    """An empty frame with the columns of all others."""
    import pandas as pd

    binary = pd.ArrowDtype(_pyarrow().large_binary())
    return pd.DataFrame({TAKER: pd.Series(dtype='int64'), 'head': pd.Series(dtype=binary),
                         'data': pd.Series(dtype=binary)})


def _pyarrow() -> Any:
    import pyarrow

    return pyarrow


class Sent(NamedTuple):
    """An output that is to be sent.

    Attributes:
      number: which one of all.
      takers: which task takes what goes to a place, where it is another one than for all.
    """

    number: int
    takers: Mapping[Place, int]


def send(token: str, number: int, sent: Sequence[Sent], takers: Mapping[Place, int], *outputs: Output) -> int:
    """Sends outputs to the workers where they are to be taken, a frame at a time.

    Args:
      token: identifies the shuffle.
      number: which one of the tasks that send this is.
      sent: what there is to know of each output.
      takers: which task takes what goes to a place.
      outputs: the outputs.

    Returns:
      Which attempt of the shuffle they were sent in.
    """
    from distributed.shuffle._shuffle import shuffle_transfer

    count = max(1, min(FRAMES, -(-sum(output.size for output in outputs) // FRAME)))
    while True:
        attempts = {shuffle_transfer(framed(sent, takers, outputs, part, count), token, number * FRAMES + part)
                    for part in range(count)}
        if len(attempts) == 1:  # else a worker was lost meanwhile, and the first frames with what it had received
            return int(attempts.pop())


def framed(sent: Sequence[Sent], takers: Mapping[Place, int], outputs: Sequence[Output], part: int = 0,
           parts: int = 1) -> DataFrame:
    """Every so-many-th block of some outputs as a frame; see :func:`send`."""
    import pandas as pd

    found = [(one.takers.get(place, takers[place]), one.number, place, turn, block)
             for one, output in zip(sent, outputs, strict=True)
             for place, blocks in output.blocks.items() if place in takers
             for turn, block in enumerate(blocks)]
    rows = [(taker, _head(number, place, turn, block), block.ref)
            for taker, number, place, turn, block in found[part::parts]]
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


def together(makers: Iterable[Made]) -> list[list[int]]:
    """Which of the outputs are sent together: those of one worker, about a frame of them."""
    groups: list[list[int]] = []
    sizes: list[int] = []
    latest: dict[str, int] = {}
    for number, made in enumerate(makers):
        group = latest.get(made.worker)
        if group is None or sizes[group] + made.size > FRAME:
            group = latest[made.worker] = len(groups)
            groups.append([])
            sizes.append(0)
        groups[group].append(number)
        sizes[group] += made.size
    return groups


def _others(takers: Mapping[Place, int], common: Mapping[Place, int]) -> dict[Place, int]:
    return {place: taker for place, taker in takers.items() if taker != common[place]}


def shuffled(name: str, token: str, takers: Mapping[Made, Mapping[Place, int]],
             count: int) -> tuple[dict[Any, Any], list[Any]]:
    """The tasks of a shuffle.

    Args:
      name: how their names begin.
      token: identifies the shuffle in the cluster.
      takers: the outputs that are to be sent, and which task takes what goes to a place.
      count: how many tasks take from it.

    Returns:
      The tasks by key, and the keys of the frames that they end in, one for each taker.

    Raises:
      OptionsError: if the installed Dask has no such shuffle.
    """
    from dask.task_spec import DataNode, Task, TaskRef

    try:
        from distributed.shuffle._core import P2PBarrierTask, ShuffleId, barrier_key, p2p_barrier
        from distributed.shuffle._shuffle import DataFrameShuffleSpec, shuffle_unpack
    except ImportError as error:
        raise OptionsError(f'this version of Dask has no P2P shuffle that bourne knows ({error}); use '
                           f'--exchange=tasks') from error
    makers = list(takers)
    common = {place: taker for places in takers.values() for place, taker in places.items()}
    everywhere = f'{name}: takers-0{token}'  # once for all, and not for each output: it has thousands of places
    graph: dict[Any, Any] = {}
    for number, group in enumerate(together(makers)):
        sending = (f'{name}: send-0{token}', number)
        sent = [Sent(one, _others(takers[makers[one]], common)) for one in group]
        graph[sending] = Task(sending, send, token, number, sent, TaskRef(everywhere),
                              *(TaskRef(makers[one].key) for one in group))
    barrier = barrier_key(ShuffleId(token))
    spec = DataFrameShuffleSpec(id=ShuffleId(token), npartitions=count, column=TAKER, meta=_meta(), parts_out=count,
                                disk=True, drop_column=True)
    graph[barrier] = P2PBarrierTask(barrier, p2p_barrier, token, *map(TaskRef, list(graph)), spec=spec)
    graph[everywhere] = DataNode(everywhere, common)
    received = [(f'{name}: receive-0{token}', number) for number in range(count)]
    graph.update({key: Task(key, shuffle_unpack, token, number, TaskRef(barrier))
                  for number, key in enumerate(received)})
    return graph, received
