"""The cases, a topic a file. Importing this package registers them all."""

import importlib
import pkgutil

for found in pkgutil.iter_modules(__path__):
    importlib.import_module(f'{__name__}.{found.name}')
