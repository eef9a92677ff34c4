"""A diff as a page stands alone and shows any text as it is."""

from __future__ import annotations

from html.parser import HTMLParser

import headwater as hw
from headwater.cli.render_html import diff_html


class Checker(HTMLParser):
    """Collects the text, and complains about tags that do not close in order."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.texts: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.attributes += attrs
        if tag != "meta":
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


def test_a_page_is_whole_and_needs_nothing_from_outside(shop: hw.Repo) -> None:
    with shop.transaction("odd") as tx:
        tx.upsert("people", [{"id": 1, "name": "<script>alert(1)</script>\x1b", "age": 1}])
    found = shop.diff("v1")
    for level in ("all", "rows", "cells", "stat"):
        page = diff_html(found, dict(found), level=level, limit=10)
        checker = Checker()
        checker.feed(page)
        assert checker.open == []
        assert not {name for name, _ in checker.attributes} & {"src", "href"}
        assert "<script>" not in page
        assert "people" in checker.texts
        assert ("<script>alert(1)</script>\\x1b" in checker.texts) is (level != "stat")
    assert "prefers-color-scheme" in page or "color-scheme: light dark" in page


def test_what_is_left_out_is_said(shop: hw.Repo) -> None:
    found = shop.diff()
    assert "1 of 2 are shown." in diff_html(found, dict(found), level="cells", limit=1)
    assert "No differences." in diff_html(found, {}, level="all", limit=1)
