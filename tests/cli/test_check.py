"""check judges datasets and files, tells it in many forms, and exits with 1 when something fails."""

from __future__ import annotations

import json
import random
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pytest

import headwater as hw
from headwater.cli.documents import contract_yaml
from headwater.core.contract import Contract, Rule
from tests.cli.conftest import Cli

CHANCE = random.Random(7)
PEOPLE = "id,name,age,label\n" + "".join(
    f"{n},{CHANCE.choice(['Ann', 'Bob', 'Cleo'])},{CHANCE.randint(20, 70)},{CHANCE.choice('ab')}\n"
    for n in range(1, 101)
)
LACKING = PEOPLE + "101,Zoe,33,\n102,Zed,34,\n"


@pytest.fixture
def people_csv(folder: Path) -> Path:
    """Return a file without faults."""
    path = folder / "leute.csv"
    path.write_text(PEOPLE, encoding="utf-8")
    return path


def test_a_good_file_passes_without_a_repository(people_csv: Path, cli: Cli, folder: Path) -> None:
    families = "completeness,uniqueness,validity,volume"
    answer = cli("check", "leute.csv", "--key", "id", "--label", "label", "--only", families)
    assert answer.stdout.split()[:2] == ["PASS", "leute:"]
    assert "hw init && hw import leute.csv --label label --key id   (to keep it" in answer.stderr
    assert not (folder / ".headwater").exists()


def test_findings_at_fail_exit_with_1(people_csv: Path, cli: Cli) -> None:
    people_csv.write_text(LACKING, encoding="utf-8")
    families = "completeness,uniqueness,labels.balance"
    answer = cli("check", "leute.csv", "--key", "id", "--label", "label", "--only", families, code=1)
    assert answer.stdout.split()[:2] == ["FAIL", "leute:"]
    assert "completeness.null_fraction  label" in answer.stdout
    assert "101, 102" in answer.stdout
    assert "--html report.html" in answer.stderr


def test_warnings_fail_where_that_is_wanted_and_fails_do_not_where_not(people_csv: Path, cli: Cli) -> None:
    check = ("check", "leute.csv", "--key", "id", "--only", "validity.constant")
    people_csv.write_text("id,same\n1,a\n2,a\n", encoding="utf-8")
    assert cli(*check).stdout.split()[0] == "WARN"
    cli(*check, "--fail-on", "warn", code=1)
    people_csv.write_text("id,same\n1,a\n1,b\n", encoding="utf-8")
    check = ("check", "leute.csv", "--key", "id", "--only", "uniqueness.key")
    cli(*check, code=1)
    cli(*check, "--fail-on", "warn", code=1)
    assert cli(*check, "--fail-on", "never").stdout.split()[0] == "FAIL"


def test_a_report_for_a_browser_has_an_option_of_its_own(people_csv: Path, cli: Cli) -> None:
    assert "--html report.html" in cli("check", "leute.csv", "-o", "report.html", code=2).stderr


def test_json_has_the_fields_of_the_promise(people_csv: Path, cli: Cli) -> None:
    people_csv.write_text(LACKING, encoding="utf-8")
    only = ("--only", "completeness,uniqueness")
    value = cli.json("check", "leute.csv", "--key", "id", "--label", "label", *only, code=1)
    assert list(value) == ["dataset", "ref", "outcome", "findings"]
    assert (value["dataset"], value["ref"], value["outcome"]) == ("leute", None, "fail")
    assert list(value["findings"][0]) == [
        *(
            "check",
            "outcome",
            "severity",
            "column",
            "slice",
            "value",
            "threshold",
            "interval",
            "message",
            "rows",
            "fix",
            "row_count",
            "evidence",
        ),
    ]
    assert value["findings"][0]["rows"] == [101, 102]


def test_a_key_that_repeats_is_a_finding_and_rows_are_shown_in_full(people_csv: Path, cli: Cli) -> None:
    people_csv.write_text(PEOPLE + "7,Seven again,1,a\n", encoding="utf-8")
    answer = cli("check", "leute.csv", "--key", "id", "--only", "uniqueness", code=1)
    assert "uniqueness.key" in answer.stdout
    assert "Seven again" in answer.stdout


def test_a_file_is_compared_with_another(people_csv: Path, cli: Cli, folder: Path) -> None:
    (folder / "alt.csv").write_text(PEOPLE.replace(",name,", ",first,"), encoding="utf-8")
    value = cli.json("check", "leute.csv", "--against", "alt.csv", "--only", "schema,drift", code=1)
    drift = next(finding for finding in value["findings"] if finding["check"] == "schema.drift")
    assert "first" in drift["message"]


def test_a_dataset_is_checked_at_any_ref_and_against_another(shop: hw.Repo, cli: Cli) -> None:
    value = cli.json("check", "people@v1", "--only", "volume")
    assert value["ref"] == shop.resolve("v1")
    against = cli.json("check", "people", "--against", "v1", "--only", "schema,volume")
    assert {finding["check"] for finding in against["findings"]} == {"schema.drift", "volume.rows"}
    assert "people at" in cli("check", "people").stdout


def test_a_fix_is_a_command_in_a_repository_only(folder: Path, cli: Cli) -> None:
    (folder / "t.csv").write_text(
        "id,town\n" + "".join(f"{n},{'Ulm' if n % 3 else 'ULM'}\n" for n in range(60))
    )
    assert "hw clean" not in cli("check", "t.csv").stdout
    cli("init")
    cli("import", "t.csv", "--key", "id")
    text = cli("check", "t").stdout
    line = next(line for line in text.splitlines() if "hw clean t clean.categories" in line)
    assert "columns=town" in line


def test_a_file_here_is_meant_when_no_dataset_has_its_name(shop: hw.Repo, cli: Cli, people_csv: Path) -> None:
    answer = cli("check", "leute.csv")
    assert "hw init" not in answer.stderr
    assert "hw import leute.csv" in answer.stderr


def test_a_word_that_is_neither_is_wrong_usage(
    shop: hw.Repo, cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "Did you mean 'people'?" in cli("check", "peeple", code=2).stderr
    assert "not found" in cli("check", "people", "--label", "nope", code=2).stderr
    assert "not found" in cli("check", "people", "--only", "nope", code=2).stderr
    assert "'nope' not found" in cli("check", "people@nope", code=2).stderr
    assert "--key is for files" in cli("check", "people", "--key", "id", code=2).stderr
    monkeypatch.chdir(tmp_path)
    assert "There is no file 'peeple', and no repository" in cli("check", "peeple", code=2).stderr


def test_every_form_of_the_answer(people_csv: Path, cli: Cli, folder: Path) -> None:
    people_csv.write_text(LACKING, encoding="utf-8")
    words = ("check", "leute.csv", "--label", "label", "--only", "completeness,volume")
    junit = ElementTree.fromstring(cli(*words, "--format", "junit", code=1).stdout)
    assert int(junit.attrib["failures"]) >= 1
    assert json.loads(cli(*words, "--format", "sarif", code=1).stdout)["version"] == "2.1.0"
    assert "❌ fail" in cli(*words, "--format", "markdown", code=1).stdout
    for name in ("leute.csv", str(folder / "leute.csv")):
        sarif = cli("check", name, "--label", "label", "--format", "sarif", code=1).stdout
        places = [
            place for result in json.loads(sarif)["runs"][0]["results"] for place in result["locations"]
        ]
        assert {p["physicalLocation"]["artifactLocation"]["uri"] for p in places} == {"leute.csv"}
    assert json.loads(cli(*words, "--format", "json", code=1).stdout)["outcome"] == "fail"
    for suffix in ("json", "xml", "sarif", "md", "txt"):
        assert cli.json(*words, "-o", f"befund.{suffix}", code=1) == {"path": f"befund.{suffix}"}
        assert (folder / f"befund.{suffix}").read_text("utf-8")
    assert "the suffix says the format" in cli(*words, "-o", "x.pdf", code=2).stderr


def test_a_report_for_a_browser_is_written(people_csv: Path, cli: Cli, folder: Path) -> None:
    answer = cli("check", "leute.csv", "--html", "bericht.html")
    assert "Wrote bericht.html" in answer.stderr
    assert (folder / "bericht.html").read_text("utf-8").startswith("<!doctype html>")


def test_a_contract_from_a_file_is_held(people_csv: Path, cli: Cli, folder: Path) -> None:
    (folder / "vertrag.yaml").write_text(
        """
        apiVersion: v3.0.2
        kind: DataContract
        schema:
          - name: people
            properties:
              - {name: id, physicalType: int64, primaryKey: true, required: true}
              - name: age
                physicalType: int64
                quality:
                  - type: custom
                    engine: headwater
                    implementation: {check: validity.range, parameters: {maximum: 60}}
        """,
        encoding="utf-8",
    )
    value = cli.json("check", "leute.csv", "--contract", "vertrag.yaml", "--only", "validity.range", code=1)
    assert value["findings"][0]["outcome"] == "fail"
    (folder / "kaputt.yaml").write_text("a: [")
    assert "not a YAML document" in cli("check", "leute.csv", "--contract", "kaputt.yaml", code=2).stderr


def test_a_check_that_breaks_exits_with_3(
    people_csv: Path, cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError("odd")

    monkeypatch.setattr("headwater.checks.volume.Rows.judge", broken)
    answer = cli("check", "leute.csv", "--only", "volume", code=3)
    assert answer.stdout.split()[:2] == ["ERROR", "leute:"]
    assert "ZeroDivisionError: odd" in answer.stdout


def test_all_shows_what_passes_and_the_limit_cuts(people_csv: Path, cli: Cli) -> None:
    assert "volume.rows\n" in cli("check", "leute.csv", "--all", "--limit", "0").stdout
    assert "more finding(s)" in cli("check", "leute.csv", "--all", "--limit", "2").stdout


def test_real_messages_are_checked_with_no_configuration(shared: Path, folder: Path, cli: Cli) -> None:
    messages = str(shared / "sms_spam" / "sms_spam.csv.gz")
    value = cli.json("check", messages, "--label", "label", "--only", "duplicates,privacy,completeness")
    found = {finding["check"]: finding for finding in value["findings"] if finding["outcome"] != "pass"}
    assert found["duplicates.exact"]["value"] == pytest.approx(403 / 5574)
    assert "privacy.pii" in found


def test_data_in_other_formats_are_checked_too(folder: Path, cli: Cli, rng: np.random.Generator) -> None:
    table = pa.table({"x": rng.normal(size=200), "größe": rng.integers(0, 9, 200)})
    pyarrow.csv.write_csv(table, folder / "t.txt")
    assert cli.json("check", "t.txt", "--input-format", "csv", "--schema", "größe:string")["dataset"] == "t"


@pytest.mark.parametrize("words", [["check"], ["profile"], ["contract", "infer"]])
def test_what_the_reader_has_to_say_is_said(cli: Cli, folder: Path, words: list[str]) -> None:
    Path("da.csv").write_text("id,zip\n1,01234\n2\n3,98765\n")
    answer = cli(*words, "da.csv", "--on-bad-lines", "skip")
    said = " ".join(answer.stderr.split())
    assert "Left out 1 malformed line, the first being line 3" in said
    assert "'zip' is read as text: '01234'" in said
    assert "Note" not in cli(*words, "da.csv", "--on-bad-lines", "skip", "--json").stderr


def test_all_rows_of_a_finding_can_be_listed(cli: Cli, folder: Path) -> None:
    (folder / "wide.csv").write_text("id,x\n" + "".join(f"{n},{-1 if n < 80 else 5}\n" for n in range(200)))
    rule = Rule(check="validity.range", column="x", parameters={"minimum": 0})
    contract = Contract(dataset="wide", key=("id",), rules=(rule,))
    (folder / "wide.yaml").write_text(contract_yaml(contract))
    for asked, listed in (([], 50), (["--rows", "7"], 7), (["--rows", "0"], 80)):
        answer = cli.json(
            "check", "wide.csv", "--contract", "wide.yaml", "--only", "validity.range", *asked, code=1
        )
        (finding,) = answer["findings"]
        assert (len(finding["rows"]), finding["row_count"]) == (listed, 80)


def test_workers_and_engine_say_where_the_work_is_done(
    shop: hw.Repo, people_csv: Path, cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = shop.datasets()[0]
    plain = json.loads(cli("check", name, "--json", "--fail-on", "never").stdout)
    one = json.loads(cli("check", name, "--json", "--fail-on", "never", "--workers", "1").stdout)
    assert [f["outcome"] for f in one["findings"]] == [f["outcome"] for f in plain["findings"]]
    assert "no engine 'dask'. Engines: local, ray" in cli("check", name, "--engine", "dask", code=2).stderr
    refused = cli("profile", name, "--engine", "ray://127.0.0.1:nine", code=2).stderr
    assert "no address of a Ray cluster" in refused or "headwater[ray]" in refused
    # A file is in the memory of this process; the environment may name an engine for datasets all the same.
    words = ["check", "leute.csv", "--key", "id", "--only", "completeness"]
    assert "no other machine reaches it" in cli(*words, "--engine", "ray", code=2).stderr
    monkeypatch.setenv("HEADWATER_ENGINE", "dask")
    assert "completeness" in cli(*words, "--all", "--workers", "1").stdout
    assert "no engine 'dask'" in cli("embed", name, "x", code=2).stderr


def test_a_file_is_judged_once_where_a_repository_is_around(
    people_csv: Path, cli: Cli, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("sklearn")
    words = ("check", "leute.csv", "--key", "id", "--label", "label", "--only", "labels")
    cli("init")
    first = cli.json(*words)
    assert hw.open(folder).datasets() == []

    def refuse(*args: object, **options: object) -> None:
        raise AssertionError("it was learnt already")

    monkeypatch.setattr("headwater.recipes.out_of_fold.predict_fold", refuse)
    assert cli.json(*words)["findings"] == first["findings"]
