"""Bars appear for work that takes a moment, and leave nothing behind."""

from __future__ import annotations

import io

from rich.console import Console

from headwater.cli.app import Session
from headwater.cli.progress import Bars
from headwater.core.progress import SILENT, track


def terminal() -> tuple[Console, io.StringIO]:
    stream = io.StringIO()
    return Console(file=stream, force_terminal=True, width=80), stream


def test_quick_work_draws_nothing() -> None:
    console, stream = terminal()
    list(track(range(3), "reading", progress=Bars(console, patience_s=60.0), total=3))
    assert stream.getvalue() == ""


def test_longer_work_draws_a_bar_and_clears_it() -> None:
    console, stream = terminal()
    bars = Bars(console, patience_s=0.0)
    list(track(range(3), "reading", progress=bars, total=3))
    assert "reading" in stream.getvalue()
    assert "\x1b[2K" in stream.getvalue()[-20:]
    list(track(range(2), "writing", progress=bars, total=None))
    assert "writing" in stream.getvalue()


def test_pieces_of_work_may_overlap_and_unknown_ones_do_no_harm() -> None:
    console, stream = terminal()
    bars = Bars(console, patience_s=0.0)
    bars.start("outer", 2)
    bars.start("inner", None)
    bars.advance("inner")
    bars.finish("inner")
    bars.advance("never started")
    bars.advance("outer", 2)
    bars.finish("outer")
    bars.finish("outer")
    assert "outer" in stream.getvalue()


def test_there_are_no_bars_where_stderr_is_no_terminal() -> None:
    assert Session().progress is SILENT
