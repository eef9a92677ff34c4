"""The HTML report: one file that needs nothing else, and no text of the data is taken for HTML."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from html.parser import HTMLParser

from headwater.checks.html import to_html
from headwater.core.findings import Finding, Fix, Outcome, worst

ODD = '<script>alert("x")</script> & ünï'


@dataclass(frozen=True)
class Small:
    """The part of a report that the page reads."""

    dataset: str = "loans"
    ref: str | None = None
    findings: tuple[Finding, ...] = ()
    scores: Mapping[str, float] = field(default_factory=dict)

    @property
    def outcome(self) -> Outcome:
        return worst(self.findings)


class Tags(HTMLParser):
    """Collects tags and checks that they are closed in order."""

    VOID = frozenset({"meta", "rect", "line", "circle"})

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.add(tag)
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in self.VOID:
            assert self.open.pop() == tag


FINDING = Finding(
    check="completeness.null_fraction",
    outcome=Outcome.FAIL,
    message=ODD,
    column=ODD,
    slice=ODD,
    value=0.2,
    threshold=0.1,
    interval=(0.15, 0.25),
    rows=('"<b>"', "2"),
    row_count=1234,
    evidence={"example": ODD},
    fix=Fix(transform="clean.missing", parameters={"columns": ["income"], "strategy": "median"}),
)


def parsed(text: str) -> Tags:
    """Return the tags of a page whose tags all close."""
    tags = Tags()
    tags.feed(text)
    assert tags.open == []
    return tags


def test_page_is_well_formed_offline_and_escapes_what_comes_from_data() -> None:
    text = to_html(Small(findings=(FINDING,), scores={"completeness": 71.0}))
    tags = parsed(text)
    assert "script" not in tags.seen
    assert not re.search(r'(src|href)="', text)
    assert "url(" not in text
    assert "&lt;script&gt;" in text
    assert "prefers-color-scheme:dark" in text.replace(" ", "")


def test_finding_shows_rows_interval_and_the_command_that_mends_it() -> None:
    text = to_html(Small(findings=(FINDING,)))
    assert "1,234 rows, by key" in text
    assert "interval 0.15 to 0.25" in text
    assert (
        "hw clean loans clean.missing -p &#x27;columns=[&quot;income&quot;]&#x27; -p strategy=median" in text
    )


def test_what_is_well_comes_last_and_folded() -> None:
    fine = Finding(check="volume.rows", outcome=Outcome.PASS, message="as many rows as before")
    text = to_html(Small(findings=(FINDING, fine)))
    assert text.index("What was found") < text.index("What is well (1)")
    parsed(text)


def test_report_without_findings_is_a_page() -> None:
    parsed(to_html(Small()))
