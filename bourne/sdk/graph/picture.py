"""Graphs as pictures: an SVG drawn here, so that a notebook needs neither scripts nor a network to show it.

The drawing is layered, after Sugiyama, Tagawa and Toda, "Methods for visual understanding of hierarchical system
structures" (1981): a transform is one layer below the lowest that it reads from; an arrow that crosses layers gets
a point in each; layers are sorted by where their neighbours are; then everything is put in place.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from bourne.sdk.graph import outline, text
from bourne.sdk.graph.outline import Branch

if TYPE_CHECKING:
    from bourne.sdk.graph.graph import Graph

# Lengths in pixels. A character of the font is about 7 wide.
_HEIGHT, _LAYER, _GAP, _MARGIN, _CHARACTER = 38, 74, 24, 6, 7.0
_LONGEST = 34
_SWEEPS = 4


# Plain classes: `import bourne` imports this file, and an attrs class takes it half a millisecond.
class _Item:
    """Something that has a place in a layer: a transform, or with width 0 a point of a long arrow."""

    def __init__(self, layer: int, width: float = 0.0, branch: Branch | None = None) -> None:
        self.layer, self.width, self.branch = layer, width, branch
        self.above: list[_Item] = []
        self.below: list[_Item] = []
        self.x = 0.0

    @property
    def y(self) -> float:
        return _MARGIN + self.layer * _LAYER


class _Arrow:
    """A way from one transform to another: the items that it passes, its collections, whether one is a main input."""

    def __init__(self, source: _Item, target: _Item) -> None:
        self.items = [source, target]
        self.collections: list[str] = []
        self.main = False


def to_svg(graph: Graph) -> str:
    """The graph's outermost transforms, as the user applied them, as an SVG image.

    What a composite is made of, and what the collections between two transforms are, are shown when the mouse
    points at it.
    """
    branches = outline.outline(graph)
    items, arrows = _layered(graph, branches)
    layers = _sorted_layers(items, list(arrows))
    width = _put_in_place(layers)
    height = 2 * _MARGIN + (len(layers) - 1) * _LAYER + _HEIGHT if layers else 2 * _MARGIN
    parts = [_arrow_svg(graph, arrow) for arrow in arrows] + [_box_svg(graph, item) for item in items]
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:.0f}" height="{height:.0f}" '
        f'viewBox="0 0 {width:.0f} {height:.0f}" font-family="sans-serif" font-size="12" fill="none" '
        f'stroke="currentColor"><defs><marker id="bourne-tip" viewBox="0 0 6 6" refX="6" refY="3" markerWidth="7" '
        f'markerHeight="7" orient="auto"><path d="M0 0L6 3L0 6z" fill="currentColor" stroke="none"/></marker></defs>'
        f'{"".join(parts)}</svg>')


def _layered(graph: Graph, branches: list[Branch]) -> tuple[list[_Item], list[_Arrow]]:
    """Every outermost transform in its layer, and the arrows between them, still without points."""
    owner: dict[str, _Item] = {}
    items = [_Item(0, max(map(len, _words(branch))) * _CHARACTER + 20, branch) for branch in branches]
    for item in items:
        owner.update((leaf.label, item) for leaf in item.branch.leaves())  # type: ignore[union-attr]
    maker = {name: owner[leaf.label] for leaf in graph.transforms for name in leaf.outputs.values()}
    arrows: dict[tuple[int, int], _Arrow] = {}
    for leaf in graph.transforms:
        target = owner[leaf.label]
        for number, name in enumerate((*leaf.inputs, *leaf.side_inputs)):
            source = maker[name]
            if source is target:
                continue
            target.layer = max(target.layer, source.layer + 1)
            arrow = arrows.setdefault((id(source), id(target)), _Arrow(source, target))
            arrow.main |= number < len(leaf.inputs)
            arrow.collections += [name] * (name not in arrow.collections)
    return items, list(arrows.values())


def _sorted_layers(items: list[_Item], arrows: list[_Arrow]) -> list[list[_Item]]:
    """The layers from top to bottom, with points for long arrows, sorted so that few arrows cross."""
    layers: list[list[_Item]] = [[] for _ in range(max((item.layer for item in items), default=-1) + 1)]
    for item in items:
        layers[item.layer].append(item)
    for arrow in arrows:
        source, target = arrow.items
        points = [_Item(layer) for layer in range(source.layer + 1, target.layer)]
        for point in points:
            layers[point.layer].append(point)
        arrow.items = [source, *points, target]
        for upper, lower in zip(arrow.items, arrow.items[1:]):
            upper.below.append(lower)
            lower.above.append(upper)
    for sweep in range(_SWEEPS):
        down = sweep % 2 == 0
        for layer in layers if down else reversed(layers):
            _put_in_place(layers)
            layer.sort(key=lambda item, down=down: _middle(item.above if down else item.below, item.x))  # type: ignore[misc]
    return layers


def _middle(neighbours: list[_Item], otherwise: float) -> float:
    return sum(item.x for item in neighbours) / len(neighbours) if neighbours else otherwise


def _put_in_place(layers: list[list[_Item]]) -> float:
    """Centres each layer; returns the width of all."""
    widths = [sum(item.width for item in layer) + _GAP * (len(layer) - 1) for layer in layers]
    whole = max(widths, default=0.0) + 2 * _MARGIN
    for layer, width in zip(layers, widths):
        left = (whole - width) / 2
        for item in layer:
            item.x = left + item.width / 2
            left += item.width + _GAP
    return whole


def _box_svg(graph: Graph, item: _Item) -> str:
    assert item.branch is not None
    inside = '\n'.join(text.lines(graph, item.branch))
    texts = [f'<text x="{item.x:.0f}" y="{item.y + y}" text-anchor="middle" fill="currentColor" stroke="none" '
             f'{style}>{_escaped(words)}</text>'
             for words, y, style in zip(_words(item.branch), (16, 30), ('font-weight="bold"', 'opacity="0.7"'))]
    box = (f'<rect x="{item.x - item.width / 2:.0f}" y="{item.y:.0f}" width="{item.width:.0f}" height="{_HEIGHT}" '
           f'rx="6" fill="currentColor" fill-opacity="0.06"/>')
    return f'<g><title>{_escaped(inside)}</title>{box}{"".join(texts)}</g>'


def _arrow_svg(graph: Graph, arrow: _Arrow) -> str:
    first = arrow.items[0]
    path = f'M{first.x:.0f} {first.y + _HEIGHT:.0f}'
    for upper, lower in zip(arrow.items, arrow.items[1:]):
        # A point's way through its layer is straight, since there are boxes beside it.
        path += '' if upper.branch else f'V{upper.y + _HEIGHT:.0f}'
        half = (upper.y + _HEIGHT + lower.y) / 2
        path += f'C{upper.x:.0f} {half:.0f} {lower.x:.0f} {half:.0f} {lower.x:.0f} {lower.y:.0f}'
    told = '\n'.join(f'{name}: {outline.traits(graph.collections[name])}' for name in arrow.collections)
    dashes = '' if arrow.main else ' stroke-dasharray="4 3"'
    return f'<path d="{path}" marker-end="url(#bourne-tip)"{dashes}><title>{_escaped(told)}</title></path>'


def _words(branch: Branch) -> tuple[str, str]:
    return _clipped(branch.name), _clipped(branch.words())


def _escaped(text: str) -> str:
    return text.replace('&', '&amp;').replace('<', '&lt;').replace('>', '&gt;').replace('"', '&quot;')


def _clipped(text: str) -> str:
    return text if len(text) <= _LONGEST else f'{text[:_LONGEST - 3]}...'
