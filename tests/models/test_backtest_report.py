"""A backtest in words, as JSON and as a page."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET
from dataclasses import replace

from headwater.models.backtest_report import Age, Backtest, ColumnSince, Strategy, WindowScores

NAN = float("nan")
FOUND = Backtest(
    dataset="a <b>",
    commit="c" * 64,
    time="t",
    label="y",
    recipe="tabular@2:x",
    metric="roc_auc",
    higher_is_better=True,
    seed=0,
    start=2,
    trainings=6,
    windows=(
        WindowScores(name="2020-01-01", rows=10, once=0.9, expanding=0.9, sliding=0.9),
        WindowScores(name="2020-02-01", rows=10, once=NAN, expanding=0.91, sliding=0.9),
        WindowScores(name="2020-03-01", rows=10, once=0.6, expanding=0.9, sliding=0.9),
    ),
    decay=(Age(windows=1, difference=-0.1, interval=(-0.2, -0.05), of=2),),
    strategies=(
        Strategy(name="never", value=0.75, gain=0.0, interval=(0.0, 0.0), trainings=1, pays=False),
        Strategy(name="every window", value=0.9, gain=0.15, interval=(0.1, 0.2), trainings=3, pays=True),
    ),
    drifts=(ColumnSince(column="price & tax", since="2020-02-01", place=1, distance=0.4, share=1.0),),
    behind_since="2020-03-01",
    notes=("1 row was left out.",),
)


def test_the_words_say_when_why_and_what_it_is_worth() -> None:
    text = FOUND.summary()
    assert "behind a fresh one from 2020-03-01 on" in text
    assert "drifted by then: price & tax" in text
    assert "every window gains 0.1500 roc_auc (95 % interval 0.1000 to 0.2000) for 3 trainings" in text
    calm = replace(FOUND, behind_since=None, strategies=FOUND.strategies[:1])
    assert "in no window clearly behind" in calm.summary()
    assert "does not clearly pay" in calm.summary()
    assert text in repr(FOUND)


def test_json_has_null_where_nothing_is_defined() -> None:
    value = json.loads(json.dumps(FOUND.to_dict(), allow_nan=False))
    assert value["windows"][1]["once"] is None
    assert value["decay"][0]["interval"] == [-0.2, -0.05]


def test_the_picture_is_a_drawing_of_both_lines_and_names_are_text() -> None:
    tree = ET.fromstring(FOUND.to_svg())
    space = "{http://www.w3.org/2000/svg}"
    lines = tree.findall(f"{space}polyline")
    assert [len(one.attrib["points"].split()) for one in lines] == [2, 3]
    assert any("price & tax drifts" in (one.text or "") for one in tree.iter(f"{space}title"))
    page = FOUND.to_html()
    assert "a &lt;b&gt;" in page
    assert "1 row was left out." in page
    assert "<script" not in page
