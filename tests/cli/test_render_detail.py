"""What --full draws: short tables that fit a terminal, whatever the classes."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
from rich.console import Console

from headwater.cli.render_detail import draw_detail
from headwater.models.detail import detail_of
from headwater.recipes.base import Labels


def drawn(labels: Labels, said: np.ndarray[Any, np.dtype[np.float64]]) -> str:
    out = io.StringIO()
    draw_detail(Console(file=out, width=80), detail_of(labels, said, rng=np.random.default_rng(0)))
    assert max(len(line) for line in out.getvalue().splitlines()) <= 80
    return out.getvalue()


def test_two_classes_many_classes_and_numbers_fit(rng: np.random.Generator) -> None:
    said = rng.dirichlet([1, 1], 300)
    text = drawn(Labels(values=rng.integers(0, 2, 300).astype(float), classes=("ham", "[/]spam")), said)
    assert "calibration of the second class" in text
    assert "[/]spam" in text
    many = rng.dirichlet(np.ones(40), 900)
    names = tuple(f"class {number}" for number in range(40))
    text = drawn(Labels(values=rng.integers(0, 40, 900).astype(float), classes=names), many)
    assert "more (--json has all)" in text
    assert "truth minus prediction" in drawn(Labels(values=rng.normal(size=60) * 1e6), np.zeros((60, 1)))
    assert drawn(Labels(values=np.ones(1)), np.zeros((1, 1)))
