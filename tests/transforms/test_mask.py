"""Hiding personal values."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from headwater.checks.base import Target
from headwater.checks.privacy import PersonalData
from headwater.checks.runner import run as check
from headwater.core.contract import Contract
from headwater.core.errors import SchemaError, UsageError
from headwater.core.findings import Outcome
from headwater.methods.masking import MASKED
from headwater.transforms.base import make
from headwater.transforms.run import run
from headwater.versions.repo import Repo

TABLE = pa.table(
    {
        "id": [1, 2, 3, 4],
        "email": ["ng@mail.example.com", "a.b@c.org", None, "ng@mail.example.com"],
        "note": ["write to ng@mail.example.com", "nothing", None, "or 617-555-0142, ng@mail.example.com"],
        "birth_date": pa.array([0, 5000, None, 100], pa.date32()),
        "card": [4111111111111111, 5500005555555559, None, 340000000000009],
        "amount": [1, 2, 3, 4],
    }
)


def masked(**parameters: Any) -> Repo:
    repo = Repo.init("memory://")
    with repo.transaction("data") as tx:
        tx.append("data", TABLE, key="id")
    run(repo, "data", make("anonymize.mask", parameters))
    return repo


def column(repo: Repo, name: str) -> list[Any]:
    return list(repo["data"].to_arrow().sort_by("id").column(name).to_pylist())


def test_by_default_everything_personal_is_hidden_and_the_check_finds_nothing_more() -> None:
    repo = masked()
    assert column(repo, "email") == ["[redacted]", "[redacted]", None, "[redacted]"]
    assert column(repo, "note") == ["write to <email>", "nothing", None, "or <phone>, <email>"]
    assert column(repo, "birth_date") == [None] * 4
    assert column(repo, "card") == [None] * 4
    assert column(repo, "amount") == [1, 2, 3, 4]
    target = Target(dataset=repo["data"], contract=Contract(dataset="data"))
    assert check(target, [PersonalData()]).outcome is Outcome.PASS


def test_the_commit_says_what_is_promised_and_what_not() -> None:
    repo = masked()
    record = next(iter(repo.log())).provenance.record
    assert record["columns"] == {"email": "redact", "note": "spans", "birth_date": "redact", "card": "redact"}
    assert "names in the text stay" in record["guarantee"]
    assert record["guarantee"].endswith("Earlier commits still hold the values.")


@pytest.mark.parametrize("where", ["env", "file"])
def test_pseudonyms_keep_equality_and_the_secret_is_kept_nowhere(
    where: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    secret = "correct horse battery staple"
    monkeypatch.setenv("MASK_SECRET", secret)
    (tmp_path / "secret").write_text(secret + "\n")
    named = "env:MASK_SECRET" if where == "env" else f"file:{tmp_path / 'secret'}"
    repo = masked(columns=["email", "card"], method="pseudonymise", secret=named)
    email = column(repo, "email")
    assert email[0] == email[3] != email[1]
    assert email[2] is None
    assert repo["data"].schema.field("card").type == pa.string()
    commit = json.dumps(next(iter(repo.log())).to_dict())
    assert named in commit
    assert secret not in commit


def test_columns_of_one_domain_can_be_joined_and_others_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MASK_SECRET", "correct horse battery staple")
    table = TABLE.append_column("sender", TABLE.column("email"))
    made = {}
    for domain in ("", "people"):
        repo = Repo.init("memory://")
        with repo.transaction("data") as tx:
            tx.append("data", table, key="id")
        parameters = {"columns": ["email", "sender"], "method": "pseudonymise", "secret": "env:MASK_SECRET"}
        run(repo, "data", make("anonymize.mask", {**parameters, "domain": domain}))
        made[domain] = column(repo, "email"), column(repo, "sender")
    assert made["people"][0] == made["people"][1]
    assert made[""][0][0] != made[""][1][0]


def test_a_part_is_kept() -> None:
    repo = masked(columns=["email"], method="partial", keep_start=1, keep_end=4)
    assert column(repo, "email")[1] == "a.*@*.org"


def test_null_removes_values_of_any_type() -> None:
    repo = masked(columns=["amount"], method="null")
    assert column(repo, "amount") == [None] * 4


@pytest.mark.parametrize(
    ("parameters", "error", "message"),
    [
        ({"method": "rot13"}, UsageError, "not 'rot13'"),
        ({"method": "pseudonymise"}, UsageError, "needs a secret"),
        ({"method": "redact", "secret": "env:X"}, UsageError, "only that one does"),
        ({"method": "pseudonymise", "secret": "hunter2"}, UsageError, "named, not given"),
        ({"method": "pseudonymise", "secret": "env:NOT_SET_ANYWHERE"}, UsageError, "is not set"),
        ({"method": "pseudonymise", "secret": "file:/nowhere/at/all"}, UsageError, "cannot be read"),
        ({"columns": ["id"]}, SchemaError, "part of the key"),
        ({"columns": ["amount"], "method": "spans"}, SchemaError, "is for text"),
    ],
)
def test_what_does_not_fit_is_refused(
    parameters: dict[str, Any], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message) as caught:
        masked(**parameters)
    assert "hunter2" not in str(caught.value)


def test_a_short_secret_is_refused_without_showing_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MASK_SECRET", "hunter2")
    with pytest.raises(UsageError, match="a secret of 7 bytes") as caught:
        masked(method="pseudonymise", secret="env:MASK_SECRET")
    assert "hunter2" not in str(caught.value)


def test_a_masked_column_is_tagged_with_how() -> None:
    repo = masked(columns=["email"])
    assert repo["data"].manifest.tags["email"] == {MASKED: "redact"}


def test_labelled_sentences_lose_what_has_a_form(shared: Path) -> None:
    samples = json.loads((shared / "pii" / "presidio_synth_v2.json").read_text())
    table = pa.table({"id": range(len(samples)), "text": [sample["full_text"] for sample in samples]})
    repo = Repo.init("memory://")
    with repo.transaction("sentences") as tx:
        tx.append("pii", table, key="id")
    result = run(repo, "pii", make("anonymize.mask"))
    texts = repo["pii"].to_arrow().sort_by("id").column("text").to_pylist()
    cards = [
        span["entity_value"] in text
        for sample, text in zip(samples, texts, strict=True)
        for span in sample["spans"]
        if span["entity_type"] == "EMAIL_ADDRESS"
    ]
    assert len(cards) > 10
    assert sum(cards) == 0
    assert result.record["columns"] == {"text": "spans"}
    unchanged = [text for sample, text in zip(samples, texts, strict=True) if sample["full_text"] == text]
    assert len(unchanged) == len(samples) - result.record["updated"]
