"""What a task made, as Dask holds it: blocks as bytes, by where they go, and what the client is told of them.

An output stays on the worker that made it until somebody needs a part of it. Dask moves it, spills it to disk, and runs
the task again if the worker that had it is lost. The client gets a summary, in which a block stands for all that goes
from one task to one partition.
"""

from __future__ import annotations

import pickle
from collections.abc import Collection, Iterable, Mapping
from typing import Any, NamedTuple

import cloudpickle

from bourne.engine.blocks import Block, BlockStore
from bourne.engine.bundle import Bundle
from bourne.engine.exchange import Partitioned, Route
from bourne.engine.memory import estimate
from bourne.engine.task import TaskResult
from bourne.runners.common.encoding import Codec, Encoded
from bourne.runners.common.filepacker import FilePacker
from bourne.runners.common.filestore import FileStore
from bourne.runners.common.folder import RunFolder
from bourne.runners.common.spillstore import SpillStore

#: A collection, a route, and one of its partitions.
Place = tuple[str, Route, int]


class Made(NamedTuple):
    """An output that is on a worker.

    Attributes:
      key: Dask's key of the task that made it.
      worker: the address of the worker that has made it, and that has it unless it was lost.
      size: how many bytes it has.
    """

    key: Any
    worker: str
    size: int


class Whereabouts(NamedTuple):
    """Where the client's blocks are: the reference of a block of a summary.

    Attributes:
      made: the output that has it.
      place: where it goes.
    """

    made: Made
    place: Place


class Output:
    """What a task made for others to take.

    Args:
      blocks: by where they go; the reference of each is its bytes.
      told: what the client is told of it: the pickled result.
    """

    __slots__ = ('blocks', 'told')

    def __init__(self, blocks: Mapping[Place, list[Block]], told: bytes = b'') -> None:
        self.blocks = blocks
        self.told = told

    def pick(self, places: Collection[Place]) -> Output:
        """What goes to some places."""
        return Output({place: self.blocks[place] for place in places if place in self.blocks})

    @property
    def size(self) -> int:
        """How many bytes all blocks have."""
        return sum(len(block.ref) for blocks in self.blocks.values() for block in blocks)

    def __sizeof__(self) -> int:
        """How much memory it takes, by which Dask decides what is to be spilled.

        Its bytes count twice: whoever reads, sends or spills it needs a copy. Else Dask would keep so much that the
        copies have no room below the worker's limit.
        """
        return 2 * self.size + len(self.told) + 300 * sum(map(len, self.blocks.values())) + 1000

    def __reduce__(self) -> Any:
        # The bytes travel beside the pickle, and are not copied into it.
        named = [(place, [block._replace(ref=None) for block in blocks]) for place, blocks in self.blocks.items()]
        return _output, (named, self.told, [pickle.PickleBuffer(block.ref) for blocks in self.blocks.values()
                                            for block in blocks])


def _output(named: list[tuple[Place, list[Block]]], told: bytes, data: Iterable[Any]) -> Output:
    rest = iter(data)
    return Output({place: [block._replace(ref=next(rest)) for block in blocks] for place, blocks in named}, told)


def output_of(result: TaskResult, key: Any, worker: str) -> Output:
    """What a task leaves on its worker.

    Args:
      result: the task's result.
      key: under which Dask has it.
      worker: the worker's address.
    """
    blocks = {(name, way, number): blocks for name, routes in result.outputs.items()
              for way, parts in routes.items() for number, blocks in enumerate(parts) if blocks}
    made = Made(key, worker, Output(blocks).size)
    return Output(blocks, cloudpickle.dumps(summary(result, made), protocol=5))


def summary(result: TaskResult, made: Made) -> TaskResult:
    """A result as the client gets it, with one small block for each place.

    Args:
      result: the result.
      made: its output.
    """
    def summed(place: Place, blocks: list[Block]) -> list[Block]:
        return [Block(Whereabouts(made, place), sum(block.elements for block in blocks),
                      sum(block.size for block in blocks))] if blocks else []

    outputs: dict[str, dict[Route, Partitioned]] = {
        name: {way: [summed((name, way, number), blocks) for number, blocks in enumerate(parts)]
               for way, parts in routes.items()}
        for name, routes in result.outputs.items()}
    return result._replace(outputs=outputs)


class OutputStore:
    """Keeps bundles as bytes in memory: those that a task takes, and those that it makes.

    Args:
      folder: for what has no room in memory while it is grouped.
    """

    def __init__(self, folder: RunFolder) -> None:
        self.codec = Codec()
        self._folder = folder
        self._scratch = 0

    def put(self, bundle: Bundle, size: int | None = None) -> Block:
        """See :class:`bourne.engine.blocks.BlockStore`."""
        return self.put_encoded([self.codec.encode(bundle)], len(bundle.values),
                                estimate(bundle) if size is None else size)

    def put_encoded(self, bundles: list[Encoded], elements: int, size: int) -> Block:
        """Keeps bundles as one block; see :class:`bourne.runners.common.filestore.FileStore`."""
        return Block(b''.join([part for bundle in bundles for part in bundle.parts]), elements, size)

    def packer(self, waiting: int) -> FilePacker:
        """See :class:`bourne.engine.blocks.BlockStore`."""
        return FilePacker(self, waiting)

    def get(self, block: Block) -> Bundle:
        """See :class:`bourne.engine.blocks.BlockStore`."""
        return self.codec.decode(memoryview(block.ref))

    def free(self, blocks: Iterable[Block]) -> None:
        """See :class:`bourne.engine.blocks.BlockStore`. Python does it once the last handle is gone."""

    def scratch(self, memory: int) -> BlockStore:
        """See :class:`bourne.engine.blocks.BlockStore`."""
        self._scratch += 1
        return SpillStore(memory, _ScratchFiles(self._folder, f'{id(self):x}-{self._scratch}'))

    def seal(self) -> None:
        """See :class:`bourne.engine.blocks.BlockStore`."""


class _ScratchFiles(FileStore):
    """Files of one task, which reads the blocks of outputs as well."""

    def get(self, block: Block) -> Bundle:
        """See :class:`bourne.engine.blocks.BlockStore`."""
        return super().get(block) if type(block.ref) is tuple else self.codec.decode(memoryview(block.ref))

    def scratch(self, memory: int) -> BlockStore:
        """See :class:`bourne.engine.blocks.BlockStore`."""
        return SpillStore(memory, _ScratchFiles(*self.child()))
