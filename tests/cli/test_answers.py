"""Commands that judge answer in the same forms; see also test_check."""

from __future__ import annotations

import json
from pathlib import Path
from xml.etree import ElementTree

import headwater as hw
from headwater.cli.documents import contract_yaml
from headwater.core.contract import Contract, Rule
from tests.cli.conftest import Cli


def test_what_was_held_is_answered_in_every_form(shop: hw.Repo, cli: Cli, folder: Path) -> None:
    rule = Rule(check="validity.range", column="age", parameters={"maximum": 20})
    contract = Contract(dataset="people", rules=(rule,))
    (folder / "c.yaml").write_text(contract_yaml(contract), encoding="utf-8")
    words = ("contract", "validate", "people", "--contract", "c.yaml")
    junit = ElementTree.fromstring(cli(*words, "--format", "junit", code=1).stdout)
    assert int(junit.attrib["failures"]) >= 1
    assert json.loads(cli(*words, "--format", "json", code=1).stdout)["outcome"] == "fail"
    for suffix in ("json", "xml", "sarif", "md", "txt"):
        path = f"befund.{suffix}"
        assert cli.json(*words, "-o", path, code=1) == {"path": path}
        assert (folder / path).read_text("utf-8")
    cli(*words, "-o", "befund.xml", "--format", "sarif", "--fail-on", "never")
    assert json.loads((folder / "befund.xml").read_text("utf-8"))["version"] == "2.1.0"
    assert "the suffix says the format" in cli(*words, "-o", "x.pdf", code=2).stderr
    assert "--html" in cli(*words, "-o", "x.html", code=2).stderr
