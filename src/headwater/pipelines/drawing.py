"""Lineage as a picture: a layered graph in SVG, from the first sources on the left to the dataset on the right.

References
----------
Sugiyama, Tagawa, Toda (1981). Methods for visual understanding of hierarchical system structures. IEEE Transactions on
Systems, Man, and Cybernetics 11(2). doi:10.1109/TSMC.1981.4308636 (layers; order by the mean of neighbours)
"""

from __future__ import annotations

from xml.sax.saxutils import escape

from headwater.pipelines.lineage import Lineage, LineageNode

__all__ = ["to_svg"]

_WIDTH, _HEIGHT, _GAP_X, _GAP_Y, _EDGE = 210, 46, 130, 18, 14
_ROUNDS = 4
_LETTERS = 28


def to_svg(found: Lineage) -> str:
    """Return a lineage as an SVG document."""
    layers = _ordered(found, _layers(found))
    place = {
        name: (column * (_WIDTH + _GAP_X), row * (_HEIGHT + _GAP_Y))
        for column, names in enumerate(layers)
        for row, name in enumerate(names)
    }
    width = max(len(layers), 1) * (_WIDTH + _GAP_X) - _GAP_X + 2 * _EDGE
    height = max((len(names) for names in layers), default=1) * (_HEIGHT + _GAP_Y) - _GAP_Y + 2 * _EDGE
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="{-_EDGE} {-_EDGE} {width} {height}" width="{width}"',
        f' height="{height}" role="img" font-family="system-ui, sans-serif" font-size="12">',
        f"<title>Lineage of {escape(found.nodes[0].name)}</title>",
        '<defs><marker id="tip" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="7" markerHeight="7" orient="auto">',
        '<path d="M0 0 8 4 0 8z" fill="#64748b"/></marker></defs>',
    ]
    for edge in found.edges:
        (x1, y1), (x2, y2) = place[edge.start], place[edge.end]
        x1, y1, y2 = x1 + _WIDTH, y1 + _HEIGHT // 2, y2 + _HEIGHT // 2
        middle = (x1 + x2) // 2
        title = "; ".join(f"{name} ← {', '.join(of)}" for name, of in edge.columns.items() if of)
        parts.append(
            f'<path d="M{x1} {y1} C{middle} {y1} {middle} {y2} {x2} {y2}" fill="none" stroke="#64748b" '
            f'marker-end="url(#tip)"><title>{escape(title or edge.by)}</title></path>'
            f'<text x="{middle}" y="{(y1 + y2) // 2 - 4}" text-anchor="middle" fill="#475569" font-size="10">'
            f"{escape(_cut(edge.by, 24))}</text>"
        )
    parts += [_box(node, *place[node.id]) for node in found.nodes]
    return "\n".join([*parts, "</svg>", ""])


def _box(node: LineageNode, x: int, y: int) -> str:
    fill = "#e0f2fe" if node.kind == "dataset" else "#fef3c7"
    below = f"{node.commit[:12]}  {node.time[:16].replace('T', ' ')}" if node.commit else "source"
    return (
        f'<g><title>{escape(node.message or node.name)}</title><rect x="{x}" y="{y}" width="{_WIDTH}" '
        f'height="{_HEIGHT}" rx="6" fill="{fill}" stroke="#94a3b8"/>'
        f'<text x="{x + 10}" y="{y + 19}" font-weight="600" fill="#0f172a">{escape(_cut(node.name, _LETTERS))}</text>'
        f'<text x="{x + 10}" y="{y + 36}" fill="#475569" font-size="10">{escape(below)}</text></g>'
    )


def _layers(found: Lineage) -> list[list[str]]:
    """Return the nodes by how many steps they are from the last: the farthest first."""
    depth = {found.nodes[0].id: 0}
    waiting = [found.nodes[0].id]
    while waiting:
        end = waiting.pop(0)
        for edge in found.before(end):
            if depth.get(edge.start, -1) < depth[end] + 1 <= len(found.nodes):
                depth[edge.start] = depth[end] + 1
                waiting.append(edge.start)
    most = max(depth.values())
    return [
        [node.id for node in found.nodes if depth.get(node.id, most) == most - at] for at in range(most + 1)
    ]


def _ordered(found: Lineage, layers: list[list[str]]) -> list[list[str]]:
    """Return the layers with nodes ordered by the mean place of their neighbours, so that few edges cross."""
    near: dict[str, list[str]] = {node.id: [] for node in found.nodes}
    for edge in found.edges:
        near[edge.start].append(edge.end)
        near[edge.end].append(edge.start)
    for _ in range(_ROUNDS):
        rank = {name: row for names in layers for row, name in enumerate(names)}
        layers = [
            sorted(names, key=lambda name: sum(rank[o] for o in near[name]) / max(len(near[name]), 1))
            for names in layers
        ]
    return layers


def _cut(text: str, letters: int) -> str:
    return text if len(text) <= letters else f"{text[: letters - 1]}…"
