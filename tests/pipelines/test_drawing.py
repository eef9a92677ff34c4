"""Lineage as SVG: well formed, every node once, left to right, nothing outside."""

from __future__ import annotations

from xml.etree import ElementTree

from headwater.pipelines.drawing import to_svg
from headwater.pipelines.lineage import Lineage, LineageEdge, LineageNode

SVG = "{http://www.w3.org/2000/svg}"


def node(name: str) -> LineageNode:
    return LineageNode(id=name, kind="dataset", name=name, commit="c" * 64, time="2026-01-02T03:04:05")


def edge(start: str, end: str) -> LineageEdge:
    return LineageEdge(start=start, end=end, by="run <p>: s", columns={"y": ("x & z",)})


def test_the_picture_shows_every_node_once_from_left_to_right() -> None:
    graph = Lineage(
        nodes=tuple(node(name) for name in ("end & all", "a", "b", "start")),
        edges=(edge("a", "end & all"), edge("b", "end & all"), edge("start", "a"), edge("start", "b")),
    )
    root = ElementTree.fromstring(to_svg(graph))
    boxes = root.findall(f".//{SVG}rect")
    assert len(boxes) == 4
    x = {
        group.findtext(f"{SVG}text"): float(group.find(f"{SVG}rect").get("x", ""))  # type: ignore[union-attr]
        for group in root.findall(f"{SVG}g")
    }
    assert x["start"] < x["a"] == x["b"] < x["end & all"]
    places = {(box.get("x"), box.get("y")) for box in boxes}
    assert len(places) == 4
    left, top, width, height = (float(part) for part in root.get("viewBox", "").split())
    for box in boxes:
        assert left <= float(box.get("x", "")) <= left + width - float(box.get("width", ""))
        assert top <= float(box.get("y", "")) <= top + height - float(box.get("height", ""))


def test_one_node_is_a_picture_too() -> None:
    root = ElementTree.fromstring(to_svg(Lineage(nodes=(node("alone"),), edges=())))
    assert len(root.findall(f".//{SVG}rect")) == 1
