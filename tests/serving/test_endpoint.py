"""One served model: what it carries along, masks, names, and how it follows the registry."""

from __future__ import annotations

import logging
import threading
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

import headwater as hw
from headwater.core.contract import ColumnPromise, Contract
from headwater.models.registered import ModelVersion
from headwater.recipes.model_file import Signature
from headwater.serving.endpoint import Endpoint, carried_fields, mask_of, request_id, truths, watch
from tests.models.registered import repo_with_model


def test_keys_and_groups_may_come_along() -> None:
    repo, version = repo_with_model()
    assert set(carried_fields(repo, version).names) == {"id", "region"}
    other = repo.models.register_file("other", repo.models.file(version.id))
    assert not carried_fields(repo, other).names


def test_what_the_contract_classifies_is_masked() -> None:
    _, version = repo_with_model()
    columns = (
        ColumnPromise(name="job", classification="confidential"),
        ColumnPromise(name="debt", classification="public"),
    )
    facts = {**version.facts, "contract": Contract(dataset="loans", columns=columns).to_odcs()}
    classified = ModelVersion(
        name="loans", version=1, stage="candidate", aliases=(), time=version.time, author="", facts=facts
    )
    assert mask_of(classified, ["income"]).columns == {"job", "income"}


def test_ids_differ_and_follow_the_time(tmp_path: Path) -> None:
    repo, _ = repo_with_model(tmp_path)
    endpoint = Endpoint(repo, "loans", is_logged=False)
    found = [one for _ in range(200) for one in endpoint.ids(3)]
    assert len(set(found)) == 600
    endpoint.close()
    assert request_id("abc-1") == "abc-1"
    assert request_id("a\nb") != "a\nb"
    assert request_id(None) != request_id(None)


def test_truths_are_classes_or_numbers() -> None:
    classes = Signature(inputs=pa.schema([]), label="y", classes=("1", "2"))
    assert truths(classes, [1, "2"]).to_pylist() == ["1", "2"]
    numbers = Signature(inputs=pa.schema([]), label="y")
    assert truths(numbers, [1, 2.5]).to_pylist() == [1.0, 2.5]
    for bad in (True, "x", float("nan"), None):
        with pytest.raises(hw.HeadwaterError, match="is no number"):
            truths(numbers, [bad])


def test_a_shadow_that_breaks_stops_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    repo, _ = repo_with_model(tmp_path)
    repo.models.register(repo.train("loans", seed=2), "loans")
    endpoint = Endpoint(repo, "loans@1", shadow="loans@2", every_s=60)
    assert endpoint.shadow is not None

    def broken(rows: pa.Table) -> np.ndarray:
        raise ZeroDivisionError

    monkeypatch.setattr(endpoint.shadow.model, "predict", broken, raising=False)
    read = endpoint.primary.inputs.read([{"income": 1.0, "debt": 1.0, "job": "nurse"}])
    from datetime import UTC, datetime

    from headwater.serving.endpoint import Answer

    said = endpoint.submit(endpoint.primary, read.table).result(10)
    answer = Answer(served=endpoint.primary, read=read, ids=endpoint.ids(1), said=said)
    endpoint.keep(answer, role="live", began=datetime.now(UTC), latency_ms=1.0, request="r")
    with caplog.at_level(logging.WARNING):
        endpoint.close()
    assert "The shadow loans@2 failed: ZeroDivisionError" in caplog.text
    assert endpoint.journal is not None
    assert endpoint.journal.written == 1


def test_following_survives_a_model_that_cannot_be_loaded(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    repo, _ = repo_with_model(tmp_path)
    endpoint = Endpoint(repo, "loans", is_logged=False)
    stop, tried = threading.Event(), []

    def fails() -> bool:
        tried.append(1)
        stop.set()
        raise hw.HeadwaterError("the file is damaged")

    endpoint.refresh = fails  # type: ignore[method-assign]
    with caplog.at_level(logging.WARNING):
        watch([endpoint], 0.01, stop)
    assert tried
    assert "loans@1 stays in use: the file is damaged" in caplog.text
    endpoint.close()
