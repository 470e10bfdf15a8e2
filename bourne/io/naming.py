"""Names of output files: a prefix, the shard's number by a template, a suffix; or what a function says."""

from __future__ import annotations

import re
from collections.abc import Callable

import attrs

from bourne.errors import TransformError, UnsupportedError
from bourne.io.arguments import text_of
from bourne.io.files import digest, join, split
from bourne.io.matching import match
from bourne.sdk.graph import pickling
from bourne.sdk.model.portable import portable
from bourne.sdk.model.window import GlobalWindow
from bourne.sdk.value_provider import ValueProvider

#: How shards are numbered unless the user says otherwise.
DEFAULT_TEMPLATE = '-SSSSS-of-NNNNN'


@portable
@attrs.frozen
class ShardNaming:
    """``prefix`` + ``template`` + ``suffix``, where a run of ``S`` is a shard's number and one of ``N`` how
    many.

    Attributes:
      prefix: a path or URL, and the beginning of the names; perhaps known only when the pipeline runs.
      template: ``-SSSSS-of-NNNNN`` or the like; if it is empty there is one file.
      suffix: the end of the names.
    """

    prefix: str | ValueProvider[str]
    template: str = DEFAULT_TEMPLATE
    suffix: str = ''

    @property
    def path(self) -> str:
        """The prefix itself."""
        return text_of(self.prefix)

    @property
    def directory(self) -> str:
        """Where the files are."""
        return split(self.path)[0]

    @property
    def identity(self) -> str:
        """What tells this output from others in the same directory."""
        return f'{self.path}|{self.template}|{self.suffix}'

    def check(self) -> None:
        """Refuses a template that cannot name shards.

        Raises:
          TransformError: if it has no number in it.
          UnsupportedError: if it has a window in it.
        """
        for letter, what in (('W', 'the window'), ('V', 'the window'), ('U', 'a unique id')):
            if letter in self.template:
                raise UnsupportedError(
                    f'shard_name_template {self.template!r}: {letter} ({what}) is not supported yet; '
                    'S (number of the shard) and N (number of shards) are')
        if self.template and 'S' not in self.template:
            raise TransformError(
                f'shard_name_template {self.template!r} has no S for the number of the shard, so that all '
                f"shards would have one name; use {DEFAULT_TEMPLATE!r}, or '' for a single file")

    def name(self, number: int, total: int) -> str:
        """The path of one file.

        Args:
          number: the file's number, from 0.
          total: how many files there are.
        """
        values = {'S': number, 'N': total}
        numbered = re.sub('S+|N+', lambda run: str(values[run[0][0]]).zfill(len(run[0])), self.template)
        return self.path + numbered + self.suffix

    def existing(self) -> list[str]:
        """The files that earlier runs left under these names, with however many shards they had."""
        base = split(self.path)[1]
        numbered = ''.join(
            rf'\d{{{len(piece)},}}' if piece.startswith(('S', 'N')) else re.escape(piece)
            for piece in re.split('(S+|N+)', self.template))
        is_shard = re.compile(re.escape(base) + numbered + re.escape(self.suffix)).fullmatch
        # Brackets keep wildcards in the user's own path from being taken as such.
        files = match(join(re.sub(r'([*?[])', r'[\1]', self.directory), '*'))
        return [file.path for file in files if is_shard(split(file.path)[1])]


@portable
@attrs.frozen
class FunctionNaming:
    """Names that a function gives, in a directory (see :mod:`bourne.io.fileio` on file naming).

    Attributes:
      place: where the files are; perhaps known only when the pipeline runs.
      fn: takes window, pane, number, total, compression and destination, and returns a name.
      identity: tells this output from others in the same directory.
    """

    place: str | ValueProvider[str]
    fn: Callable[..., str]
    identity: str = ''

    @property
    def directory(self) -> str:
        """Where the files are."""
        return text_of(self.place)

    def check(self) -> None:
        """Nothing to refuse before the function is called."""

    def name(self, number: int, total: int) -> str:
        """The path of one file."""
        return join(self.directory, self.fn(GlobalWindow(), None, number, total, '', None))

    def existing(self) -> list[str]:
        """Which files earlier runs wrote cannot be known; those of the same names are overwritten."""
        return []


#: How the files of an output are named.
Naming = ShardNaming | FunctionNaming


def named_by(directory: str | ValueProvider[str], fn: Callable[..., str]) -> FunctionNaming:
    """A naming by a user's function.

    Args:
      directory: where the files are.
      fn: names them, see :class:`FunctionNaming`.

    Raises:
      TransformError: if ``fn`` is not callable.
    """
    if not callable(fn):
        raise TransformError(f'file_naming must be a function that returns a file name; got {fn!r}')
    return FunctionNaming(directory, fn, digest(pickling.dumps(fn, 'file_naming').hex()))
