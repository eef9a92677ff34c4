"""What a server tells Prometheus."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from headwater.core.extras import require

if TYPE_CHECKING:
    from headwater.serving.endpoint import Endpoint

__all__ = ["Metrics"]

_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)


class Metrics:
    """Counters of one server, apart from those of other servers in the process.

    Parameters
    ----------
    endpoints : mapping of str to Endpoint
        The models that are served; the state of their logs is asked for when somebody looks.
    """

    def __init__(self, endpoints: Mapping[str, Endpoint]) -> None:
        client = require("prometheus_client", extra="serve", purpose="Serving")
        self._client, self._registry = client, client.CollectorRegistry()
        kind = {"registry": self._registry}
        self.requests = client.Counter(
            "headwater_requests",
            "Requests by model, what was asked and status.",
            ["model", "verb", "status"],
            **kind,
        )
        self.seconds = client.Histogram(
            "headwater_request_seconds", "Time to the answer.", ["model", "verb"], buckets=_SECONDS, **kind
        )
        self.predictions = client.Counter(
            "headwater_predictions", "Rows that were answered.", ["model", "version", "role"], **kind
        )
        self.refused = client.Counter(
            "headwater_refused_values", "Values that broke the input contract.", ["model", "field"], **kind
        )
        waiting = client.Gauge(
            "headwater_log_waiting_rows", "Predictions not yet in the log.", ["model"], **kind
        )
        dropped = client.Gauge(
            "headwater_log_lost_rows", "Predictions lost: dropped, or by a kill before.", ["model"], **kind
        )
        errors = client.Gauge(
            "headwater_log_errors", "Times that the log could not be written.", ["model"], **kind
        )
        version = client.Gauge("headwater_model_version", "The version that answers.", ["model"], **kind)
        for name, one in endpoints.items():
            version.labels(name).set_function(lambda one=one: one.primary.version.version)
            journal = one.journal
            if journal is not None:
                waiting.labels(name).set_function(lambda journal=journal: journal.waiting)
                dropped.labels(name).set_function(
                    lambda journal=journal: journal.dropped + journal.found_lost
                )
                errors.labels(name).set_function(lambda journal=journal: journal.errors)

    def text(self) -> tuple[bytes, str]:
        """Return all figures in Prometheus' text format, and its content type."""
        return self._client.generate_latest(self._registry), self._client.CONTENT_TYPE_LATEST
