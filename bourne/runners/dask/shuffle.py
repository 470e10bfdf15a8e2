"""Dask's P2P shuffle for blocks of bytes: workers send each other what belongs to the other, through their disks.

An output becomes a frame of one row a block: the task that takes it, where it belongs, and its bytes. What Dask does
with it costs a task for each output and one for each taker, where picked tasks cost one for each pair of them.
(https://distributed.dask.org/en/stable/shuffling.html)
"""

from __future__ import annotations

import pickle
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from bourne.engine.blocks import Block
from bourne.errors import OptionsError
from bourne.runners.dask.outputs import Output, Place

if TYPE_CHECKING:
    from pandas import DataFrame

#: The column that says which task takes a row.
TAKER = 'taker'


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


def framed(output: Output, takers: Mapping[Place, int], number: int) -> DataFrame:
    """An output as a frame.

    Args:
      output: the output.
      takers: which task takes what goes to a place.
      number: which of the outputs it is.
    """
    import pandas as pd

    rows = [(takers[place], pickle.dumps((number, place, turn, block._replace(ref=None)), protocol=5), block.ref)
            for place, blocks in output.blocks.items() if place in takers for turn, block in enumerate(blocks)]
    binary = _pyarrow().large_binary()
    columns = list(zip(*rows, strict=True)) or [(), (), ()]
    heads, data = (_pyarrow().array(column, type=binary) for column in columns[1:])
    return pd.DataFrame({TAKER: pd.Series(columns[0], dtype='int64'), 'head': pd.arrays.ArrowExtensionArray(heads),
                         'data': pd.arrays.ArrowExtensionArray(data)})


def unframed(frame: DataFrame) -> Output:
    """What a task takes, of the rows that came together for it."""
    data = _column(frame, 'data')
    blocks: defaultdict[Place, list[Block]] = defaultdict(list)
    # In the order of the tasks that made them, however they came.
    rows = sorted(((*pickle.loads(head.as_py()), row) for row, head in enumerate(_column(frame, 'head'))),
                  key=lambda found: (found[0], found[2]))
    for _, place, _, block, row in rows:
        blocks[place].append(block._replace(ref=memoryview(data[row].as_buffer())))
    return Output(blocks)


def _column(frame: DataFrame, name: str) -> Any:
    array = _pyarrow().array(frame[name], type=_pyarrow().large_binary())
    return array.combine_chunks() if hasattr(array, 'combine_chunks') else array


def shuffled(name: str, token: str, outputs: Sequence[Any], takers: Sequence[Mapping[Place, int]],
             count: int) -> tuple[dict[Any, Any], list[Any]]:
    """The tasks of a shuffle.

    Args:
      name: how their names begin.
      token: identifies the shuffle in the cluster.
      outputs: the keys of the outputs.
      takers: see :func:`framed`, for each output.
      count: how many tasks take from it.

    Returns:
      The tasks by key, and the keys of the frames that they end in, one for each taker.

    Raises:
      OptionsError: if the installed Dask has no such shuffle.
    """
    from dask.task_spec import Task, TaskRef

    try:
        from distributed.shuffle._core import P2PBarrierTask, ShuffleId, barrier_key, p2p_barrier
        from distributed.shuffle._shuffle import DataFrameShuffleSpec, shuffle_transfer, shuffle_unpack
    except ImportError as error:
        raise OptionsError(f'this version of Dask has no P2P shuffle that bourne knows ({error}); use '
                           f'--exchange=tasks') from error
    graph: dict[Any, Any] = {}
    transfers = []
    for number, (key, goes) in enumerate(zip(outputs, takers, strict=True)):
        frame = (f'{name}: frame-0{token}', number)
        graph[frame] = Task(frame, framed, TaskRef(key), dict(goes), number)
        transfer = (f'{name}: send-0{token}', number)
        graph[transfer] = Task(transfer, shuffle_transfer, TaskRef(frame), token, number)
        transfers.append(TaskRef(transfer))
    barrier = barrier_key(ShuffleId(token))
    spec = DataFrameShuffleSpec(id=ShuffleId(token), npartitions=count, column=TAKER, meta=_meta(), parts_out=count,
                                disk=True, drop_column=True)
    graph[barrier] = P2PBarrierTask(barrier, p2p_barrier, token, *transfers, spec=spec)
    received = [(f'{name}: receive-0{token}', number) for number in range(count)]
    graph.update({key: Task(key, shuffle_unpack, token, number, TaskRef(barrier))
                  for number, key in enumerate(received)})
    return graph, received
