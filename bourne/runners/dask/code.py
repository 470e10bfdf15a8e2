"""How the user's code comes to the workers: functions by value, own modules with them, or uploaded, or installed."""

from __future__ import annotations

import os
import sys
import sysconfig
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import cache
from types import ModuleType
from typing import TYPE_CHECKING, Any

import cloudpickle

from bourne.errors import OptionsError

if TYPE_CHECKING:
    from distributed import Client

_HOME = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


@contextmanager
def _by_value(modules: Sequence[ModuleType]) -> Iterator[None]:
    with ExitStack() as stack:
        registered = cloudpickle.list_registry_pickle_by_value()
        for module in modules:
            if module.__name__ not in registered:
                cloudpickle.register_pickle_by_value(module)
                stack.callback(cloudpickle.unregister_pickle_by_value, module)
        yield


def pickled(value: Any, uploaded: Sequence[str]) -> bytes:
    """A value for the workers, with what it needs of the user's own modules that are not installed anywhere.

    Args:
      value: the value.
      uploaded: paths of what workers get as files; these modules go by name.
    """
    modules = [module for module in list(sys.modules.values()) if _is_own(module) and not _is_in(module, uploaded)]
    try:
        with _by_value(modules):
            data: bytes = cloudpickle.dumps(value, protocol=5)
    except Exception:  # something that a module has cannot be pickled; the workers may be able to import it
        data = cloudpickle.dumps(value, protocol=5)
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
    from distributed.diagnostics.plugin import UploadDirectory

    for path in paths:
        if os.path.isdir(path):
            # Its parent is what has to be on the path of the workers.
            client.register_plugin(UploadDirectory(path, update_path=True))
        elif os.path.isfile(path) and path.endswith(('.py', '.egg', '.zip')):
            client.upload_file(path)
        else:
            raise OptionsError(f'--upload={path}: this is no directory, and no file that ends in .py, .egg or .zip')


def install(client: Client, requirements: str) -> None:
    """Has pip install the packages of a requirements file on all workers, those included that come later.

    Raises:
      OptionsError: if the file cannot be read.
    """
    from distributed.diagnostics.plugin import PipInstall

    try:
        with open(requirements, encoding='utf-8') as file:
            lines = [line.partition('#')[0].strip() for line in file]
    except OSError as error:
        raise OptionsError(f'--requirements_file={requirements}: {error.strerror}') from error
    packages = [line for line in lines if line]
    if packages:
        client.register_plugin(PipInstall(packages))
