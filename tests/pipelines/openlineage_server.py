"""A server that receives events of OpenLineage, or fails to, and the schemas that events must fit."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import jsonschema  # type: ignore[import-untyped]
import referencing

__all__ = ["Received", "receiving", "require_valid"]

_SCHEMAS = [
    json.loads(path.read_text()) for path in sorted((Path(__file__).parent / "openlineage").glob("*.json"))
]
_REGISTRY: Any = referencing.Registry().with_resources(
    [(one["$id"], referencing.Resource.from_contents(one)) for one in _SCHEMAS]
)
_EVENT = next(one["$id"] for one in _SCHEMAS if one["$id"].endswith("OpenLineage.json"))
_FACETS = {one["$id"] for one in _SCHEMAS}


def _checked(schema: str, value: Any) -> None:
    checker = jsonschema.Draft202012Validator.FORMAT_CHECKER
    jsonschema.Draft202012Validator({"$ref": schema}, registry=_REGISTRY, format_checker=checker).validate(
        value
    )


def require_valid(event: dict[str, Any]) -> None:
    """Raise unless an event fits the standard's schema, and each facet its own."""
    _checked(f"{_EVENT}#/$defs/RunEvent", event)
    assert event["schemaURL"] == f"{_EVENT}#/$defs/RunEvent"
    sets = [event["run"]["facets"], event["job"]["facets"]]
    for one in (*event["inputs"], *event["outputs"]):
        sets += [one.get(kind, {}) for kind in ("facets", "inputFacets", "outputFacets")]
    for facets in sets:
        for name, facet in facets.items():
            home = facet["_schemaURL"].partition("#")[0]
            assert home in _FACETS, home
            _checked(home, {name: facet})
            _checked(facet["_schemaURL"], facet)


class Received:
    """What the server got, and how it answers."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.events: list[dict[str, Any]] = []
        self.headers: list[dict[str, str]] = []
        self.tries = 0
        self.answers: list[int] = []
        self.always = 201
        self.pause_s = 0.0


@contextmanager
def receiving() -> Iterator[Received]:
    """Run a server on loopback."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            got.tries += 1
            time.sleep(got.pause_s)
            code = got.answers.pop(0) if got.answers else got.always
            if code < 300:
                got.events.append(json.loads(body))
                got.headers.append(dict(self.headers))
            self.send_response(code)
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    got = Received(f"http://127.0.0.1:{server.server_port}")
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield got
    finally:
        server.shutdown()
        server.server_close()
