"""The HTTP interface, in process: every verb, and what is said to requests that are wrong."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import headwater as hw
from headwater.models.prediction_log import REFUSED, PredictionLog
from headwater.serving.app import create_app
from headwater.serving.endpoint import Endpoint
from tests.models.registered import loans, repo_with_model

pytest.importorskip("fastapi")
from fastapi.testclient import TestClient

GOOD = {"income": 90.0, "debt": 1.0, "job": "nurse"}
BAD = {"income": "high", "debt": None, "job": "nurse"}


class Shop:
    """A repository, its served model, and a client."""

    def __init__(self, tmp_path: Any, **options: Any) -> None:
        limits = {name: options.pop(name) for name in ("token", "most_bytes", "most_rows") if name in options}
        self.repo, self.version = repo_with_model(tmp_path / "repo")
        self.endpoint = Endpoint(self.repo, "loans", every_s=60, **options)
        self.client = TestClient(
            create_app({"loans": self.endpoint}, **limits), raise_server_exceptions=False
        )

    @property
    def log(self) -> PredictionLog:
        return PredictionLog(self.repo, "loans")

    def predict(self, *rows: Any, **headers: str) -> Any:
        return self.client.post("/v1/models/loans:predict", json={"instances": list(rows)}, headers=headers)


@pytest.fixture
def shop(tmp_path: Any) -> Iterator[Shop]:
    shop = Shop(tmp_path)
    with shop.client:
        yield shop


def test_predictions_are_answered_and_logged(shop: Shop) -> None:
    answer = shop.predict(
        GOOD, {**GOOD, "income": 1.0, "debt": 80.0, "region": "north"}, **{"X-Request-Id": "r-1"}
    )
    assert answer.status_code == 200
    said = answer.json()
    assert said["predictions"] == ["yes", "no"]
    assert said["version"] == 1
    assert answer.headers["x-request-id"] == said["request_id"] == "r-1"
    fitted, signature = shop.repo.models.load("loans")
    wanted = fitted.predict(pa.Table.from_pylist([GOOD], schema=signature.inputs))[0]
    assert said["probabilities"][0] == pytest.approx(wanted.tolist())
    assert shop.endpoint.journal is not None
    shop.endpoint.journal.flush()
    rows = shop.log.window().to_pylist()
    assert {row["_id"] for row in rows} == set(said["ids"])
    assert {row["region"] for row in rows} == {None, "north"}
    assert {row["_request"] for row in rows} == {"r-1"}
    assert all(row["_latency_ms"] > 0 for row in rows)


def test_feedback_is_kept_and_the_prediction_explained(shop: Shop) -> None:
    (name,) = shop.predict(GOOD).json()["ids"]
    answer = shop.client.post("/v1/models/loans:feedback", json={"feedback": [{"id": name, "truth": "no"}]})
    assert answer.json()["kept"] == 1
    assert shop.endpoint.journal is not None
    shop.endpoint.journal.flush()
    assert shop.log.find(name)["_truth"] == "no"
    assert shop.repo.explain_prediction(name).why is not None
    wrong = shop.client.post("/v1/models/loans:feedback", json={"feedback": [{"id": name, "truth": "maybe"}]})
    assert wrong.status_code == 422
    assert "'maybe' is no class of the model. Its classes are: no, yes." in wrong.json()["detail"]


@pytest.mark.parametrize(
    ("body", "status", "said"),
    [
        (b"{", 422, "not JSON"),
        (b"[]", 422, '"instances"'),
        (b'{"instances": {}}', 422, "must be a list"),
        (b'{"instances": [3]}', 422, "do not fit"),
        (b"[" * 100_000, 422, ""),
        (json.dumps({"instances": [BAD]}).encode(), 422, "1 of 1 row(s)"),
        (b'{"instances": [{"income": NaN, "debt": 1, "job": "x"}]}', 422, "1 of 1 row(s)"),
        (json.dumps({"instances": [GOOD] * 11}).encode(), 413, "11 rows; 10 are taken"),
        (b" " * 5000, 413, "more than"),
    ],
)
def test_bad_requests_are_told_what_is_wrong(tmp_path: Any, body: bytes, status: int, said: str) -> None:
    shop = Shop(tmp_path, most_rows=10, most_bytes=4096 if len(body) == 5000 else 1 << 20)
    with shop.client as client:
        answer = client.post("/v1/models/loans:predict", content=body)
        assert answer.status_code == status, answer.text
        assert answer.headers["content-type"] == "application/problem+json"
        assert said in answer.json()["detail"]
        assert client.post("/v1/models/loans:predict", json={"instances": [GOOD]}).status_code == 200


def test_the_field_is_named(shop: Shop) -> None:
    (error,) = shop.predict(GOOD, BAD).json()["errors"]
    assert (error["row"], error["field"]) == (1, "income")
    assert shop.client.post("/v1/models/other:predict", json={}).status_code == 404


def test_bad_rows_are_set_apart(tmp_path: Any) -> None:
    shop = Shop(tmp_path, on_bad="quarantine")
    with shop.client:
        said = shop.predict(BAD, GOOD).json()
        assert said["predictions"] == [None, "yes"]
        assert said["errors"][0]["field"] == "income"
    refused = shop.log.dataset(REFUSED)
    assert refused is not None
    assert json.loads(refused.column("row")[0].as_py()) == BAD


def test_the_open_inference_protocol(shop: Shop) -> None:
    assert shop.client.get("/v2/health/ready").json()["ready"]
    found = shop.client.get("/v2/models/loans").json()
    assert [one["datatype"] for one in found["inputs"]] == ["FP64", "FP64", "BYTES"]
    tensors = [
        {"name": "income", "shape": [2, 1], "datatype": "FP64", "data": [90.0, 1.0]},
        {"name": "debt", "shape": [2], "datatype": "FP64", "data": [1.0, None]},
        {"name": "job", "shape": [2], "datatype": "BYTES", "data": ["nurse", "clerk"]},
    ]
    answer = shop.client.post("/v2/models/loans/versions/1/infer", json={"id": "a", "inputs": tensors})
    assert answer.status_code == 200, answer.text
    said = answer.json()
    assert said["id"] == "a"
    assert said["outputs"][0]["data"] == ["yes", "no"]
    assert said["outputs"][1]["shape"] == [2, 2]
    assert shop.client.post("/v2/models/loans/versions/2/infer", json={"inputs": tensors}).status_code == 404
    assert shop.client.post("/v2/models/loans/infer", json={"inputs": tensors[:2]}).status_code == 422


def _arrow(table: pa.Table) -> bytes:
    sink = io.BytesIO()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return sink.getvalue()


def test_batches_in_every_form_say_the_same(shop: Shop) -> None:
    table = loans(300, seed=2).select(["id", "income", "debt", "job"])
    parquet = io.BytesIO()
    pq.write_table(table, parquet)
    text = io.BytesIO()
    pa.csv.write_csv(table, text)
    lines = "\n".join(json.dumps(row) for row in table.to_pylist()).encode()
    bodies = {
        "application/vnd.apache.arrow.stream": _arrow(table),
        "application/vnd.apache.parquet": parquet.getvalue(),
        "text/csv": text.getvalue(),
        "application/x-ndjson": lines,
    }
    found = []
    for kind, body in bodies.items():
        answer = shop.client.post("/v1/models/loans:batch", content=body, headers={"Content-Type": kind})
        assert answer.status_code == 200, answer.text
        if "arrow" in kind:
            said = pa.ipc.open_stream(answer.content).read_all()
        elif "parquet" in kind:
            said = pq.read_table(io.BytesIO(answer.content))
        elif "csv" in kind:
            said = pa.csv.read_csv(io.BytesIO(answer.content))
        else:
            said = pa.Table.from_pylist([json.loads(line) for line in answer.text.splitlines()])
        found.append(said.column("predicted").to_pylist())
    assert len(found[0]) == 300
    assert all(one == found[0] for one in found)
    wrong = shop.client.post("/v1/models/loans:batch", content=b"xx", headers={"Content-Type": "image/png"})
    assert wrong.status_code == 415
    kind = "application/vnd.apache.parquet"
    broken = shop.client.post("/v1/models/loans:batch", content=b"xx", headers={"Content-Type": kind})
    assert broken.status_code == 422
    assert "cannot be read" in broken.json()["detail"]


def test_explanations_describe_metrics_and_docs(shop: Shop) -> None:
    (found,) = shop.client.post("/v1/models/loans:explain", json={"instances": [GOOD]}).json()["explanations"]
    assert found["answer"] == pytest.approx(found["base"] + sum(one["adds"] for one in found["parts"]))
    described = shop.client.get("/v1/models/loans").json()
    assert described["schema"]["properties"]["debt"]["type"] == ["number", "null"]
    assert described["schema"]["required"] == ["income", "debt", "job"]
    shop.predict(BAD)
    text = shop.client.get("/metrics").text
    assert 'headwater_refused_values_total{field="income",model="loans"} 1.0' in text
    assert 'headwater_requests_total{model="loans",status="422",verb="predict"} 1.0' in text
    paths = shop.client.get("/openapi.json").json()["paths"]
    assert "/v1/models/{name}:predict" in paths
    assert "requestBody" in paths["/v2/models/{name}/infer"]["post"]
    assert shop.client.get("/v1/models").json()["models"] == [{"name": "loans", "version": 1}]


def test_a_token_is_asked_for(tmp_path: Any) -> None:
    shop = Shop(tmp_path, token="secret")
    with shop.client as client:
        assert shop.predict(GOOD).status_code == 401
        assert client.get("/v1/models").status_code == 401
        assert client.get("/healthz").status_code == 200
        assert shop.predict(GOOD, Authorization="Bearer secret").status_code == 200


def test_a_model_that_breaks_is_told_and_the_server_goes_on(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(rows: pa.Table) -> Any:
        raise ZeroDivisionError("secret figures")

    with monkeypatch.context() as patch:
        patch.setattr(shop.endpoint.primary.batcher, "_predict", broken)
        answer = shop.predict(GOOD)
    assert answer.status_code == 500
    assert answer.json()["detail"] == "The model broke: ZeroDivisionError."
    assert shop.predict(GOOD).status_code == 200


def test_canary_shadow_and_promotion(tmp_path: Any) -> None:
    repo, _ = repo_with_model(tmp_path / "repo")
    repo.promote("loans", force=True, reason="first")
    repo.models.register(repo.train("loans", seed=5, recipe="tabular(iterations=5)"), "loans")
    repo.models.register(repo.train("loans", seed=6), "loans")
    endpoint = Endpoint(
        repo, "loans@production", canary="loans@2", canary_share=0.5, shadow="loans@3", every_s=60
    )
    with TestClient(create_app({"loans": endpoint})) as client:
        url, body = "/v1/models/loans:predict", {"instances": [GOOD]}
        said = [client.post(url, json=body, headers={"X-Request-Id": f"r{n}"}).json() for n in range(40)]
        versions = [one["version"] for one in said]
        assert {1, 2} == set(versions)
        again = [
            client.post(url, json=body, headers={"X-Request-Id": f"r{n}"}).json()["version"]
            for n in range(40)
        ]
        assert again == versions
        repo.promote("loans@3", force=True, reason="better")
        assert endpoint.refresh()
        assert not endpoint.refresh()
        assert {client.post(url, json=body).json()["version"] for _ in range(20)} == {2, 3}
    log = PredictionLog(repo, "loans")
    assert set(log.window(roles=["shadow"]).column("_version").to_pylist()) == {3}
    assert log.window(roles=["shadow"]).num_rows == log.window().num_rows
    assert set(log.window(roles=["canary"]).column("_version").to_pylist()) == {2}


def test_beside_must_fit(tmp_path: Any) -> None:
    repo, _ = repo_with_model(tmp_path / "repo")
    repo.models.register(repo.train("loans", exclude=["job"]), "loans")
    repo.models.register(repo.train("loans"), "other")
    with pytest.raises(hw.HeadwaterError, match="takes other fields"):
        Endpoint(repo, "loans@1", canary="loans@2")
    with pytest.raises(hw.HeadwaterError, match="is no version of 'loans'"):
        Endpoint(repo, "loans@1", shadow="other@1")
    with pytest.raises(hw.HeadwaterError, match="between 0 and 1"):
        Endpoint(repo, "loans@1", canary_share=2)
