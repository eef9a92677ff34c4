"""Figures for Prometheus are read back by its own parser."""

from __future__ import annotations

from pathlib import Path

import pytest

from headwater.serving.endpoint import Endpoint
from headwater.serving.metrics import Metrics
from tests.models.registered import repo_with_model

pytest.importorskip("prometheus_client")
from prometheus_client.parser import text_string_to_metric_families


def test_figures_are_told(tmp_path: Path) -> None:
    repo, _ = repo_with_model(tmp_path)
    endpoint = Endpoint(repo, "loans")
    metrics = Metrics({"loans": endpoint})
    metrics.seconds.labels("loans", "predict").observe(0.02)
    metrics.requests.labels("loans", "predict", "200").inc()
    text, kind = metrics.text()
    assert kind.startswith("text/plain")
    found = {
        (sample.name, sample.labels.get("le", "")): sample.value
        for family in text_string_to_metric_families(text.decode())
        for sample in family.samples
    }
    assert found["headwater_requests_total", ""] == 1
    assert found["headwater_request_seconds_bucket", "0.025"] == 1
    assert found["headwater_request_seconds_bucket", "0.01"] == 0
    assert found["headwater_log_waiting_rows", ""] == 0
    assert found["headwater_model_version", ""] == 1
    # A second server in the process counts for itself.
    assert b"headwater_requests_total{" not in Metrics({"loans": endpoint}).text()[0]
    endpoint.close()
