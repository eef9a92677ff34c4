"""The page of a profile is whole, safe with odd text, and refers to nothing outside it."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import numpy as np
import pyarrow as pa

from headwater.profile.html import to_html
from headwater.profile.report import profile
from headwater.versions.repo import Repo

ODD = "<script>alert(\"x\")</script> & 'quoted' ünï"
VOID = {"meta", "br"}


class Tags(HTMLParser):
    """Checks that tags close in order, and collects what refers elsewhere."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.links: list[str] = []
        self.ids: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        self.links += [value or "" for name, value in attrs if name in ("href", "src")]
        if found.get("id"):
            self.ids.append(str(found["id"]))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        pass

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def page() -> str:
    rng = np.random.default_rng(0)
    x = rng.normal(size=80)
    table = pa.table(
        {
            ODD: x,
            "twice": 2 * x,
            "text": rng.choice([ODD, "", " ", "b"], 80),
            "when": pa.array(rng.integers(0, 10**9, 80), pa.timestamp("s")),
            "bytes": [b"\x00\xff"] * 80,
            "empty": pa.nulls(80, pa.int64()),
            "label": rng.integers(0, 3, 80),
        }
    )
    repo = Repo.init("memory://")
    with repo.transaction("data") as tx:
        tx.append("data", table)
    return to_html(profile(repo["data"], label="label"))


def test_the_page_is_well_formed_and_self_contained() -> None:
    text = page()
    tags = Tags()
    tags.feed(text)
    assert tags.open == []
    assert all(link.startswith("#") for link in tags.links)
    assert {link[1:] for link in tags.links} == set(tags.ids)
    assert "http" not in re.sub(r"xmlns=\S+", "", text)
    assert "prefers-color-scheme" in text


def test_text_of_the_data_is_escaped() -> None:
    text = page()
    assert "<script" not in text
    assert "&lt;script&gt;" in text


def test_charts_say_what_they_show() -> None:
    text = page()
    assert text.count("<svg") == text.count('role="img" aria-label="')
    assert "Histogram of twice" in text
    assert "Correlations" in text
    assert "Rows by class of label" in text
