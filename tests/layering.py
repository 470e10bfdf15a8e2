"""Checks who imports whom, from the sources alone: nothing of the package under test is executed.

The arrows are those of docs/architecture.md. A module belongs to the layer with the longest name that begins
its own, and a layer imports itself and what ``LAYERS`` lists for it, nothing else.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from pathlib import Path

import attrs

_MODEL = ('bourne.errors', 'bourne.sdk.model')
_GRAPH = (*_MODEL, 'bourne.sdk.graph')
_SDK = (*_GRAPH, 'bourne.sdk')
_ENGINE = (*_GRAPH, 'bourne.engine')
# What a runner takes from the SDK and gives back: options in, a result with metrics out.
_RUNNER = (*_ENGINE, 'bourne.sdk.runner', 'bourne.sdk.options', 'bourne.sdk.metrics',
           'bourne.sdk.value_provider')
_ALL = ('bourne',)

#: What each layer may import besides itself: layers, without the layers inside of them, or single modules.
#: ``bourne`` stands for everything.
LAYERS: Mapping[str, tuple[str, ...]] = {
    'bourne.errors': (),
    'bourne.sdk.model': _MODEL,
    'bourne.sdk.graph': _GRAPH,
    'bourne.sdk': _SDK,
    'bourne.engine': _ENGINE,
    'bourne.runners': _RUNNER,
    'bourne.runners.common': _RUNNER,
    'bourne.runners.local': (*_RUNNER, 'bourne.runners.common'),
    'bourne.runners.dask': (*_RUNNER, 'bourne.runners.common'),
    'bourne.io': _SDK,
    'bourne.cli': _ALL,
    'bourne.jobcommands': _ALL,
    'bourne.beam': _ALL,
    'bourne.__main__': _ALL,
    'bourne': _ALL,
}

#: Packages that hold several layers. Whoever imports one of these layers executes the package's ``__init__``
#: first, so that one imports nothing of bourne.
EMPTY_PACKAGES = frozenset({'bourne.sdk', 'bourne.runners'})

#: Modules that may import bourne inside a function: they resolve names on demand.
LAZY_MODULES = frozenset({'bourne.beam', 'bourne.cli'})

#: Libraries that take long to import, or are extras: imported in the function that needs them.
HEAVY = frozenset({
    'argparse', 'dask', 'distributed', 'fsspec', 'multiprocess',
    'numpy', 'pandas', 'pyarrow', 'rich', 'zstandard',
})

#: Layers that are imported only by those who want just that.
HEAVY_ALLOWED: Mapping[str, frozenset[str]] = {
    'bourne.cli': frozenset({'argparse'}),
    'bourne.runners.dask': frozenset({'dask', 'distributed'}),
}


@attrs.frozen
class Import:
    """One imported name.

    Attributes:
      module: who imports.
      target: the module that is imported; for ``from a import b`` that is ``a.b`` if the package has such a
        module, else ``a``.
      line: in the source of ``module``, from 1.
      function: the function around it, or None at module level.
      type_only: under ``if TYPE_CHECKING``.
    """

    module: str
    target: str
    line: int
    function: str | None
    type_only: bool


@attrs.frozen
class Tree:
    """The modules of a package, by dotted name, and all that they import."""

    paths: Mapping[str, Path]
    imports: tuple[Import, ...]

    def where(self, found: Import) -> str:
        """``path:line``, for a message."""
        return f'{self.paths[found.module]}:{found.line}'


def read_tree(root: Path, package: str = 'bourne') -> Tree:
    """Reads all modules of ``package``, whose directory is in ``root``."""
    paths = {_module_name(path, root): path for path in sorted((root / package).rglob('*.py'))}
    imports = [found for module, path in paths.items() for found in _imports_of(module, path, paths)]
    return Tree(paths, tuple(imports))


def problems(tree: Tree) -> list[str]:
    """Every rule that the tree breaks, one message each; empty when all is well."""
    return [*_wrong_arrows(tree), *_hidden_imports(tree), *_heavy_imports(tree), *_cycles(tree)]


def layer_of(module: str) -> str | None:
    """The layer with the longest name that is ``module`` or a package around it; None if there is none."""
    if module == 'bourne':
        return module
    candidates = [layer for layer in LAYERS if layer != 'bourne' and _within(module, layer)]
    return max(candidates, key=len, default=None)


def _wrong_arrows(tree: Tree) -> Iterator[str]:
    for module, path in tree.paths.items():
        if layer_of(module) is None:
            yield f'{path}: {module} is in no layer; add it to {__name__}.LAYERS and docs/architecture.md'
    for found in tree.imports:
        source, target = layer_of(found.module), layer_of(found.target)
        if source is None or not _within(found.target, 'bourne'):
            continue
        if found.module in EMPTY_PACKAGES:
            yield (f'{tree.where(found)}: {found.module} imports {found.target}; it holds several layers, '
                   'so it must import nothing of bourne')
        elif LAYERS[source] != _ALL and not {target, found.target} & {source, *LAYERS[source]}:
            allowed = ', '.join(dict.fromkeys((*LAYERS[source], source)))
            yield (f'{tree.where(found)}: {found.module} imports {found.target}; '
                   f'{source} may import only {allowed}')


def _hidden_imports(tree: Tree) -> Iterator[str]:
    for found in tree.imports:
        if found.function is None or not _within(found.target, 'bourne') or found.module in LAZY_MODULES:
            continue
        if (found.module, found.function) != ('bourne', '__getattr__'):
            yield (f'{tree.where(found)}: {found.function}() imports {found.target}; import it at the top of '
                   'the module, and if that makes a circle, move what both sides need')


def _heavy_imports(tree: Tree) -> Iterator[str]:
    for found in tree.imports:
        library = found.target.partition('.')[0]
        if library not in HEAVY or found.function is not None or found.type_only:
            continue
        if library not in HEAVY_ALLOWED.get(layer_of(found.module) or '', ()):
            yield (f'{tree.where(found)}: {found.module} imports {library} at module level; '
                   'import it in the function that needs it')


def _cycles(tree: Tree) -> Iterator[str]:
    """A message for each group of modules that need one another (Tarjan's strongly connected components).

    Imports for annotations alone do not count. Neither does the parent package that an import executes: a
    package that re-exports its own modules is no circle.
    """
    edges: dict[str, set[str]] = {module: set() for module in tree.paths}
    for found in tree.imports:
        if found.target in edges and not found.type_only and found.function is None:
            edges[found.module].add(found.target)
    for group in _components(edges):
        if len(group) > 1 or group[0] in edges[group[0]]:
            yield f'import cycle: {" -> ".join([*_one_cycle(edges, group)])}'


def _components(edges: Mapping[str, set[str]]) -> list[list[str]]:
    index: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    found: list[list[str]] = []

    def visit(module: str) -> None:
        index[module] = low[module] = len(index)
        stack.append(module)
        for target in sorted(edges[module]):
            if target not in index:
                visit(target)
                low[module] = min(low[module], low[target])
            elif target in stack:
                low[module] = min(low[module], index[target])
        if low[module] == index[module]:
            start = stack.index(module)
            found.append(sorted(stack[start:]))
            del stack[start:]

    for module in edges:
        if module not in index:
            visit(module)
    return found


def _one_cycle(edges: Mapping[str, set[str]], group: list[str]) -> list[str]:
    """A shortest way inside ``group`` from its first module back to itself."""
    paths = [[group[0]]]
    seen: set[str] = set()
    while True:
        path = paths.pop(0)
        for target in sorted(edges[path[-1]] & set(group)):
            if target == group[0]:
                return [*path, target]
            if target not in seen:
                seen.add(target)
                paths.append([*path, target])


def _imports_of(module: str, path: Path, modules: Mapping[str, Path]) -> Iterator[Import]:
    syntax = ast.parse(path.read_text(encoding='utf-8'), filename=str(path))
    package = module if path.name == '__init__.py' else module.rpartition('.')[0]

    def walk(node: ast.AST, function: str | None, type_only: bool) -> Iterator[Import]:
        for target in _targets(node, package, modules):
            yield Import(module, target, getattr(node, 'lineno', 0), function, type_only)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            function = node.name
        if isinstance(node, ast.If) and _is_type_checking(node.test):
            for statement in node.body:
                yield from walk(statement, function, True)
            for statement in node.orelse:
                yield from walk(statement, function, type_only)
        else:
            for child in ast.iter_child_nodes(node):
                yield from walk(child, function, type_only)

    yield from walk(syntax, None, False)


def _targets(node: ast.AST, package: str, modules: Mapping[str, Path]) -> list[str]:
    match node:
        case ast.Import():
            return [alias.name for alias in node.names]
        case ast.ImportFrom():
            parents = package.split('.')[:len(package.split('.')) - node.level + 1] if node.level else []
            base = '.'.join([*parents, *([node.module] if node.module else [])])
            names = [f'{base}.{alias.name}' for alias in node.names]
            return [name if name in modules else base for name in names]
        case ast.Call(func=function, args=[ast.Constant(value=str(name)), *_]) if _is_import_call(function):
            return [name]
    return []


def _is_import_call(function: ast.expr) -> bool:
    name = function.attr if isinstance(function, ast.Attribute) else getattr(function, 'id', '')
    return name in ('import_module', '__import__')


def _is_type_checking(test: ast.expr) -> bool:
    return (test.attr if isinstance(test, ast.Attribute) else getattr(test, 'id', '')) == 'TYPE_CHECKING'


def _within(module: str, package: str) -> bool:
    return module == package or module.startswith(f'{package}.')


def _module_name(path: Path, root: Path) -> str:
    parts = path.relative_to(root).with_suffix('').parts
    return '.'.join(parts[:-1] if parts[-1] == '__init__' else parts)
