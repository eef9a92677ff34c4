"""A template is a pipeline that runs as it is written."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pytest

from headwater.cli.templates import TEMPLATES, template_text
from tests.cli.conftest import Cli
from tests.models.registered import loans

pytest.importorskip("sklearn")
pytest.importorskip("skops")


@pytest.mark.parametrize("name", list(TEMPLATES))
def test_every_template_is_python_that_takes_what_is_known(name: str) -> None:
    text = template_text(name, source="å.csv", key="no", label='is "ok"')
    compile(text, "pipelines.py", "exec")
    assert "source='å.csv'" in text
    assert "key='no'" in text


def test_a_project_from_a_template_goes_from_a_file_to_production(cli: Cli, folder: Path) -> None:
    said = cli("init", ".", "--template", "tabular", "--source", "loans.csv", "--label", "approve")
    assert "pipelines.py" in said.stderr
    pa.csv.write_csv(loans(), folder / "loans.csv")
    cli("run")
    assert [one["stage"] for one in cli.json("models")] == ["production"]
    assert "5 reused" in cli("run").stdout
    assert "400 rows from loans.csv" in cli("runs", "--log", "importer", cli.json("runs")[-1]["id"]).stdout


def test_texts_have_their_template(cli: Cli, folder: Path) -> None:
    cli("init", ".", "--template", "text")
    rng = np.random.default_rng(0)
    words = np.array(
        ["fine", "nice", "poor", "awful", "thing", "day", "film", "story", "end", "start", "scene"]
    )
    picked = rng.integers(0, len(words), (400, 6))
    good = (
        np.isin(picked, (0, 1)).sum(axis=1) - np.isin(picked, (2, 3)).sum(axis=1) + rng.normal(0, 0.5, 400)
        > 0
    )
    texts = [f"{' '.join(words[row])} {n}" for n, row in enumerate(picked)]
    table = pa.table({"id": np.arange(400), "text": texts, "label": np.where(good, "pos", "neg")})
    pa.csv.write_csv(table, folder / "texts.csv")
    cli("run", "--until", "trainer")
    (found,) = cli.json("models")
    assert (found["recipe"].partition("@")[0], found["stage"]) == ("text", "candidate")


def test_what_is_there_is_not_overwritten_and_roles_need_a_template(cli: Cli, folder: Path) -> None:
    (folder / "pipelines.py").write_text("mine = 1\n")
    assert "left as it is" in cli("init", ".", "--template", "text", code=2).stderr
    assert (folder / "pipelines.py").read_text() == "mine = 1\n"
    assert not (folder / ".headwater").exists()
    assert "--template" in cli("init", ".", "--key", "id", code=2).stderr
    assert "directory" in cli("init", "memory://", "--template", "text", code=2).stderr
