"""How the user's code comes to the workers: functions by value, own modules with them, or uploaded, or installed."""

from __future__ import annotations

import importlib
import os
import re
import sys
import sysconfig
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import cache
from io import BytesIO
from threading import RLock
from types import ModuleType
from typing import TYPE_CHECKING, Any
from zipfile import ZIP_DEFLATED, ZipFile

import cloudpickle
from distributed import WorkerPlugin

from bourne.errors import OptionsError

if TYPE_CHECKING:
    from distributed import Client

_HOME = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
#: A line of a requirements file that names another file.
_NAMED = re.compile(r'\s*(?P<option>-[rc](?=[^-])|--(?:requirement|constraint)(?=[\s=]))[\s=]*(?P<file>\S+)')
#: Which modules go by value is known to the whole process.
_lock = RLock()


@contextmanager
def by_value(uploaded: Sequence[str]) -> Iterator[None]:
    """Has cloudpickle take along what is used of the user's own modules that are not installed anywhere.

    Args:
      uploaded: paths of what workers get as files; these modules go by name.
    """
    with _lock, ExitStack() as stack:
        registered = cloudpickle.list_registry_pickle_by_value()
        for name, module in list(sys.modules.items()):  # some are there by two names
            if _is_own(module) and name == module.__name__ and name not in registered and not _is_in(module, uploaded):
                cloudpickle.register_pickle_by_value(module)
                stack.callback(cloudpickle.unregister_pickle_by_value, module)
        yield


class _Pickler(cloudpickle.Pickler):  # type: ignore[misc]  # it has no types
    """Makes modules before it fills them, since they may know each other."""

    def reducer_override(self, obj: Any) -> Any:
        if isinstance(obj, ModuleType) and obj.__name__ in cloudpickle.list_registry_pickle_by_value():
            has = {name: value for name, value in vars(obj).items()
                   if name not in ('__builtins__', '__loader__', '__spec__')}
            return ModuleType, (obj.__name__,), has
        return super().reducer_override(obj)


def _dumps(value: Any) -> bytes:
    file = BytesIO()
    _Pickler(file, protocol=5).dump(value)
    return file.getvalue()


def pickled(value: Any, uploaded: Sequence[str]) -> bytes:
    """A value for the workers, with what it needs of the user's own modules that are not installed anywhere.

    Args:
      value: the value.
      uploaded: paths of what workers get as files; these modules go by name.
    """
    data, = all_pickled([value], uploaded)
    return data


def all_pickled(values: Sequence[Any], uploaded: Sequence[str]) -> list[bytes]:
    """Several values, each by itself: which modules are the user's own is found out once; see :func:`pickled`."""
    try:
        with by_value(uploaded):
            data = [_dumps(value) for value in values]
    except Exception:  # something that a module has cannot be pickled; the workers may be able to import it
        data = [cloudpickle.dumps(value, protocol=5) for value in values]
    return data


def _is_own(module: Any) -> bool:
    file = getattr(module, '__file__', None)
    return isinstance(module, ModuleType) and isinstance(file, str) and module.__name__ != '__main__' and _is_users(
        file)


@cache
def _is_users(file: str) -> bool:
    """True for a file that is part of no installation."""
    installed = {os.path.realpath(path) for name, path in sysconfig.get_paths().items()
                 if name in ('stdlib', 'platstdlib', 'purelib', 'platlib')}
    real = os.path.realpath(file)
    return not (any(real.startswith(path + os.sep) for path in (*installed, os.path.realpath(_HOME)))
                or f'{os.sep}site-packages{os.sep}' in real or f'{os.sep}dist-packages{os.sep}' in real)


def _is_in(module: ModuleType, paths: Sequence[str]) -> bool:
    file = os.path.realpath(str(module.__file__))
    return any(file == (real := os.path.realpath(path)) or file.startswith(real + os.sep) for path in paths)


def upload(client: Client, paths: Sequence[str]) -> None:
    """Sends modules and packages to all workers, those included that come later.

    Raises:
      OptionsError: if one is not there, or is nothing that can be imported.
    """
    for path in paths:
        if os.path.isdir(path):
            client.register_plugin(_Package(os.path.abspath(path)))
        elif os.path.isfile(path) and path.endswith(('.py', '.egg', '.zip')):
            client.upload_file(path)
        else:
            raise OptionsError(f'--upload={path}: this is no directory, and no file that ends in .py, .egg or .zip')


class _Package(WorkerPlugin):  # type: ignore[misc]  # distributed has no types for it
    """Unpacks a package directory beside the other files of a worker, from where it is imported.

    (Dask's ``UploadDirectory`` puts the package itself on the path, in place of its parent; it changes the path of
    nannies and not of their workers, and leaves everything out that lies below a directory called ``tests``.)

    Args:
      path: the directory.
    """

    def __init__(self, path: str) -> None:
        self.package = os.path.basename(path)
        self.name = f'bourne-upload-{self.package}'
        data = BytesIO()
        with ZipFile(data, 'w', ZIP_DEFLATED) as archive:
            for folder, below, files in os.walk(path):
                below[:] = sorted(name for name in below if name != '__pycache__' and not name.startswith('.'))
                for file in sorted(files):
                    full = os.path.join(folder, file)
                    archive.write(full, os.path.join(self.package, os.path.relpath(full, path)))
        self.data = data.getvalue()

    def setup(self, worker: Any) -> None:
        """Unpacks it; modules of an earlier upload are forgotten."""
        with ZipFile(BytesIO(self.data)) as archive:
            archive.extractall(worker.local_directory)
        if worker.local_directory not in sys.path:
            sys.path.insert(0, worker.local_directory)
        for name in [name for name in sys.modules if name.partition('.')[0] == self.package]:
            del sys.modules[name]
        importlib.invalidate_caches()


def install(client: Client, requirements: str) -> None:
    """Has pip install the packages of a requirements file on all workers, those included that come later.

    Raises:
      OptionsError: if the file cannot be read, or needs another one as it is.
    """
    from distributed.diagnostics.plugin import PipInstall

    try:
        lines = list(_lines(requirements, ()))
    except OSError as error:
        raise OptionsError(f'--requirements_file={requirements}: {error.strerror}: {error.filename}') from error
    except ValueError as error:
        raise OptionsError(f'--requirements_file={requirements}: {error}') from error
    if any(line and not line.startswith('#') for line in map(str.strip, lines)):
        client.register_plugin(PipInstall(lines))  # which writes them to a file for pip


def _lines(path: str, above: tuple[str, ...]) -> Iterator[str]:
    """The lines of a requirements file, with those of local files that it names by ``-r`` in their place.

    Args:
      path: the file.
      above: the files that it is part of.
    """
    if path in above:
        raise ValueError(f'{path} is part of itself')
    with open(path, encoding='utf-8') as file:
        for line in file:
            named = _NAMED.match(line)
            if named is None or '://' in named['file']:  # pip finds a URL from anywhere
                yield line.rstrip('\n')
            elif named['option'] in ('-r', '--requirement'):
                yield from _lines(os.path.join(os.path.dirname(path), named['file']), (*above, path))
            else:
                raise ValueError(f'the workers do not have the file that {line.strip()!r} in {path} is about: put '
                                 f'versions into the requirements themselves, or give a URL')
