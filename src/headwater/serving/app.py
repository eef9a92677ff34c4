"""The HTTP interface of served models: `/v1`, the Open Inference Protocol under `/v2`, health and metrics.

Errors are problem documents as of RFC 9457. FastAPI reads the types of handlers when they are defined, so this module
has no postponed annotations.
"""

import asyncio
import hmac
import io
import json
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq

from headwater import __version__
from headwater.core.errors import HeadwaterError, UsageError
from headwater.core.extras import require
from headwater.serving.batching import Overloaded
from headwater.serving.endpoint import Answer, Endpoint, request_id
from headwater.serving.inputs import Problem, Read
from headwater.serving.metrics import Metrics
from headwater.serving.tensors import outputs_of, rows_of, tensor_of

__all__ = ["create_app"]

logger = logging.getLogger(__name__)

_MIB = 1 << 20
_EXPLAINED = 16
_PROBLEM = "application/problem+json"
_ARROW, _PARQUET = "application/vnd.apache.arrow.stream", "application/vnd.apache.parquet"
_LINES, _CSV = "application/x-ndjson", "text/csv"


class _Refused(Exception):
    """A request that is not answered, with its status."""

    def __init__(self, status: int, detail: str, problems: Sequence[Problem] = ()) -> None:
        super().__init__(detail)
        self.status, self.detail, self.problems = status, detail, problems


def create_app(
    endpoints: Mapping[str, Endpoint],
    *,
    token: str = "",
    most_bytes: int = 8 * _MIB,
    most_batch_bytes: int = 512 * _MIB,
    most_rows: int = 10_000,
) -> Any:
    """Return the ASGI application that answers for models.

    Parameters
    ----------
    endpoints : mapping of str to Endpoint
        The models by name; they are closed when the application ends.
    token : str
        What requests must carry as ``Authorization: Bearer``; none by default. Health is told to anybody.
    most_bytes, most_batch_bytes : int
        Bytes that a request may have, and one of the batch endpoint.
    most_rows : int
        Rows that a request may have, but for batches.
    """
    require("fastapi", extra="serve", purpose="Serving")
    from fastapi import FastAPI, Request, Response

    metrics = Metrics(endpoints)

    @asynccontextmanager
    async def lifespan(_: Any) -> AsyncIterator[None]:
        yield
        for one in endpoints.values():
            await asyncio.to_thread(one.close)

    app = FastAPI(title="Headwater: served models", version=__version__, lifespan=lifespan)
    Work = Callable[[Endpoint, bytes, str], Awaitable[Response]]

    async def handled(name: str, verb: str, request: Request, work: Work, most: int = most_bytes) -> Response:
        """Run a handler with all that they share: id, token, size, metrics, errors."""
        began = time.perf_counter()
        asked = request_id(request.headers.get("x-request-id"))
        try:
            require_token(request)
            if name not in endpoints:
                raise _Refused(404, f"There is no model {name!r} here; there are: {', '.join(endpoints)}.")
            response = await work(endpoints[name], await body_of(request, most), asked)
        except _Refused as error:
            response = problem(error.status, error.detail, asked, error.problems)
        except Overloaded as error:
            response = problem(503, str(error), asked)
            response.headers["Retry-After"] = "1"
        except (UsageError, RecursionError) as error:
            response = problem(422, str(error), asked)
        except Exception as error:
            logger.exception("Request %s to %s failed", asked, name)
            said = (
                str(error)
                if isinstance(error, HeadwaterError)
                else f"The model broke: {type(error).__name__}."
            )
            response = problem(500, said, asked)
        response.headers["X-Request-Id"] = asked
        known = name if name in endpoints else "unknown"
        metrics.requests.labels(known, verb, str(response.status_code)).inc()
        metrics.seconds.labels(known, verb).observe(time.perf_counter() - began)
        return response

    def require_token(request: Request) -> None:
        given = request.headers.get("authorization", "")
        if token and not hmac.compare_digest(given.encode(), f"Bearer {token}".encode()):
            raise _Refused(401, "Send the server's token: Authorization: Bearer TOKEN.")

    async def body_of(request: Request, most: int) -> bytes:
        pieces, size = [], 0
        async for piece in request.stream():
            size += len(piece)
            if size > most:
                raise _Refused(
                    413, f"The request has more than {most / _MIB:g} MiB. Send fewer rows at a time."
                )
            pieces.append(piece)
        return b"".join(pieces)

    def problem(status: int, detail: str, asked: str, problems: Sequence[Problem] = ()) -> Response:
        value: dict[str, Any] = {
            "type": "about:blank",
            "title": _TITLES[status],
            "status": status,
            "detail": detail,
            "request_id": asked,
        }
        if problems:
            value["errors"] = [one.to_dict() for one in problems]
        return Response(json.dumps(value), status, media_type=_PROBLEM)

    def answer_json(value: Any) -> Response:
        return Response(json.dumps(value, ensure_ascii=False), media_type="application/json")

    def checked(endpoint: Endpoint, read: Read, rows: Sequence[Any]) -> None:
        """Refuse a request, or set its bad rows apart."""
        for one in read.problems:
            field = one.field if one.field in endpoint.primary.inputs.schema.names else ""
            metrics.refused.labels(endpoint.name, field).inc()
        if not read.problems:
            return
        if endpoint.on_bad == "refuse":
            bad = len({one.row for one in read.problems})
            detail = f"{bad:,} of {len(rows):,} row(s) do not fit the model. Nothing was predicted."
            raise _Refused(422, detail, read.problems)
        endpoint.set_apart(read, rows)

    async def answered(endpoint: Endpoint, rows: Any, asked: str) -> Answer:
        began, start = datetime.now(UTC), time.perf_counter()
        if isinstance(rows, list) and len(rows) > most_rows:
            raise _Refused(
                413, f"The request has {len(rows):,} rows; {most_rows:,} are taken. Use the batch endpoint."
            )
        served, role = endpoint.route(asked)
        read = served.inputs.read(rows)
        checked(endpoint, read, rows)
        said = await asyncio.wrap_future(endpoint.submit(served, read.table))
        answer = Answer(served=served, read=read, ids=endpoint.ids(len(said)), said=said)
        latency = (time.perf_counter() - start) * 1000
        endpoint.keep(answer, role=role, began=began, latency_ms=latency, request=asked)
        metrics.predictions.labels(endpoint.name, str(served.version.version), role).inc(len(said))
        return answer

    @app.post("/v1/models/{name}:predict", openapi_extra=_BODIES["predict"])
    async def predict(name: str, request: Request) -> Response:
        """Predict for rows: `{"instances": [{"FIELD": VALUE}]}`. What a row looks like says GET /v1/models/NAME."""

        async def work(endpoint: Endpoint, body: bytes, asked: str) -> Response:
            rows = _member(_json(body), "instances")
            answer = await answered(endpoint, rows, asked)
            served, places = answer.served, answer.read.places
            value: dict[str, Any] = {
                "predictions": _placed(served.told(answer.said), places, len(rows)),
                "ids": _placed(answer.ids, places, len(rows)),
                "model": served.version.name,
                "version": served.version.version,
                "request_id": asked,
            }
            if served.signature.classes:
                value["classes"] = list(served.signature.classes)
                value["probabilities"] = _placed(answer.said.tolist(), places, len(rows))
            if answer.read.problems:
                value["errors"] = [one.to_dict() for one in answer.read.problems]
            return answer_json(value)

        return await handled(name, "predict", request, work)

    @app.post("/v1/models/{name}:explain", openapi_extra=_BODIES["predict"])
    async def explain(name: str, request: Request) -> Response:
        """Say for rows what each field adds to the answer."""

        async def work(endpoint: Endpoint, body: bytes, asked: str) -> Response:
            rows = _member(_json(body), "instances")
            if isinstance(rows, list) and len(rows) > _EXPLAINED:
                raise _Refused(413, f"At most {_EXPLAINED} rows are explained at a time.")
            served, _ = endpoint.route(asked)
            read = served.inputs.read(rows)
            if read.problems:
                raise _Refused(422, "The rows do not fit the model.", read.problems)
            found = [
                await asyncio.to_thread(served.explainer.explain, read.table.slice(row, 1))
                for row in range(read.table.num_rows)
            ]
            version = served.version
            told = [one.to_dict() for one in found]
            return answer_json({"explanations": told, "model": version.name, "version": version.version})

        return await handled(name, "explain", request, work)

    @app.post("/v1/models/{name}:feedback", openapi_extra=_BODIES["feedback"])
    async def feedback(name: str, request: Request) -> Response:
        """Tell what was true: `{"feedback": [{"id": "…", "truth": …}]}`. It is kept when this is answered."""

        async def work(endpoint: Endpoint, body: bytes, asked: str) -> Response:
            kept = await asyncio.to_thread(endpoint.add_feedback, _member(_json(body), "feedback"))
            return answer_json({"kept": kept, "request_id": asked})

        return await handled(name, "feedback", request, work)

    @app.post("/v1/models/{name}:batch", openapi_extra=_BODIES["batch"])
    async def batch(name: str, request: Request) -> Response:
        """Predict for a table: Arrow, Parquet, CSV or JSON lines, by Content-Type. The answer has the same form."""
        kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()

        async def work(endpoint: Endpoint, body: bytes, asked: str) -> Response:
            if kind not in (_ARROW, _PARQUET, _LINES, _CSV):
                raise _Refused(415, f"Send the table as {_ARROW}, {_PARQUET}, {_CSV} or {_LINES}.")
            began, start = datetime.now(UTC), time.perf_counter()
            served, role = endpoint.route(asked)
            read, rows = await asyncio.to_thread(_read_batch, served.inputs, body, kind)
            checked(endpoint, read, rows)
            said = await asyncio.to_thread(
                served.model.predict, read.table.select(served.inputs.features.names)
            )
            answer = Answer(served=served, read=read, ids=endpoint.ids(len(said)), said=said)
            latency = (time.perf_counter() - start) * 1000
            endpoint.keep(answer, role=role, began=began, latency_ms=latency, request=asked)
            metrics.predictions.labels(endpoint.name, str(served.version.version), role).inc(len(said))
            return Response(await asyncio.to_thread(_write_batch, answer, kind), media_type=kind)

        return await handled(name, "batch", request, work, most_batch_bytes)

    @app.get("/v1/models")
    async def models(request: Request) -> Response:
        """List the models."""
        try:
            require_token(request)
        except _Refused as error:
            return problem(error.status, error.detail, "")
        return answer_json(
            {
                "models": [
                    {"name": one.name, "version": one.primary.version.version} for one in endpoints.values()
                ]
            }
        )

    @app.get("/v1/models/{name}")
    async def model(name: str, request: Request) -> Response:
        """Tell what a model takes and gives, what it learnt from, and how well it does."""

        async def work(endpoint: Endpoint, _: bytes, asked: str) -> Response:
            version, signature = endpoint.primary.version, endpoint.primary.signature
            named = ("dataset", "commit", "recipe", "scores", "label")
            value = {
                "name": version.name,
                "version": version.version,
                "stage": version.stage,
                "classes": list(signature.classes),
                "schema": endpoint.primary.inputs.json_schema(),
                **{one: version.facts.get(one) for one in named},
                "canary": endpoint.canary.version.id if endpoint.canary else None,
                "shadow": endpoint.shadow.version.id if endpoint.shadow else None,
            }
            return answer_json(value)

        return await handled(name, "describe", request, work)

    @app.get("/v2")
    async def server_metadata() -> Response:
        """Tell who answers."""
        return answer_json({"name": "headwater", "version": __version__, "extensions": []})

    @app.get("/v2/health/live")
    @app.get("/v2/health/ready")
    @app.get("/healthz")
    async def health() -> Response:
        """Tell that the server answers."""
        return answer_json({"live": True, "ready": True})

    @app.get("/v2/models/{name}")
    @app.get("/v2/models/{name}/versions/{version}")
    async def metadata(name: str, request: Request, version: str = "") -> Response:
        """Tell the tensors of a model."""

        async def work(endpoint: Endpoint, _: bytes, asked: str) -> Response:
            require_version(endpoint, version)
            served = endpoint.primary
            k = len(served.signature.classes)
            outputs = [{"name": "predicted", "datatype": "BYTES" if k else "FP64", "shape": [-1]}]
            outputs += [{"name": "probability", "datatype": "FP64", "shape": [-1, k]}] if k else []
            value = {
                "name": name,
                "versions": [str(served.version.version)],
                "platform": f"headwater-{served.version.facts.get('recipe')}",
                "inputs": [tensor_of(one) for one in served.inputs.features],
                "outputs": outputs,
            }
            return answer_json(value)

        return await handled(name, "metadata", request, work)

    @app.get("/v2/models/{name}/ready")
    @app.get("/v2/models/{name}/versions/{version}/ready")
    async def ready(name: str, request: Request, version: str = "") -> Response:
        """Tell that a model answers."""

        async def work(endpoint: Endpoint, _: bytes, asked: str) -> Response:
            require_version(endpoint, version)
            return answer_json({"name": name, "ready": True})

        return await handled(name, "ready", request, work)

    @app.post("/v2/models/{name}/infer", openapi_extra=_BODIES["infer"])
    @app.post("/v2/models/{name}/versions/{version}/infer", openapi_extra=_BODIES["infer"])
    async def infer(name: str, request: Request, version: str = "") -> Response:
        """Predict by the Open Inference Protocol: a tensor for each feature."""

        async def work(endpoint: Endpoint, body: bytes, asked: str) -> Response:
            require_version(endpoint, version)
            given = _json(body)
            wanted = given.get("outputs") if isinstance(given, dict) else None
            names = (
                [str(one.get("name")) for one in wanted if isinstance(one, dict)]
                if isinstance(wanted, list)
                else None
            )
            rows = rows_of(given)
            answer = await answered(endpoint, rows, asked)
            if answer.read.problems:
                # Tensors have no place for rows that could not be answered.
                raise _Refused(
                    422, "Some rows do not fit the model; they were set apart.", answer.read.problems
                )
            served = answer.served
            outputs = outputs_of(served.told(answer.said), answer.said, served.signature.classes, names)
            value = {
                "model_name": name,
                "model_version": str(served.version.version),
                "id": str(given.get("id") or asked),
                "parameters": {"ids": list(answer.ids)},
                "outputs": outputs,
            }
            return answer_json(value)

        return await handled(name, "infer", request, work)

    @app.get("/metrics")
    async def prometheus() -> Response:
        """Tell Prometheus."""
        text, kind = metrics.text()
        return Response(text, media_type=kind)

    def require_version(endpoint: Endpoint, version: str) -> None:
        if version and version != str(endpoint.primary.version.version):
            raise _Refused(
                404, f"Version {endpoint.primary.version.version} of {endpoint.name!r} is served here."
            )

    return app


_TITLES = {
    401: "Unauthorized",
    404: "Not Found",
    413: "Content Too Large",
    415: "Unsupported Media Type",
    422: "Unprocessable Content",
    500: "Internal Server Error",
    503: "Service Unavailable",
}


def _body(schema: Mapping[str, Any]) -> dict[str, Any]:
    return {"requestBody": {"required": True, "content": {"application/json": {"schema": dict(schema)}}}}


def _list_of(name: str, item: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "type": "object",
        "required": [name],
        "properties": {name: {"type": "array", "items": dict(item)}},
    }


_BODIES: dict[str, dict[str, Any]] = {
    "predict": _body(_list_of("instances", {"type": "object"})),
    "feedback": _body(
        _list_of(
            "feedback",
            {"type": "object", "required": ["id", "truth"], "properties": {"id": {"type": "string"}}},
        )
    ),
    "infer": _body(_list_of("inputs", {"type": "object", "required": ["name", "shape", "datatype", "data"]})),
    "batch": {
        "requestBody": {
            "required": True,
            "content": {
                kind: {"schema": {"type": "string", "format": "binary"}}
                for kind in (_ARROW, _PARQUET, _CSV, _LINES)
            },
        }
    },
}


def _json(body: bytes) -> Any:
    try:
        return json.loads(body)
    except ValueError as error:
        raise _Refused(422, f"The body is not JSON: {error}") from error


def _member(value: Any, name: str) -> Any:
    if not isinstance(value, dict) or name not in value:
        raise _Refused(422, f'The body must be an object with "{name}".')
    return value[name]


def _placed(values: Sequence[Any], places: Any, rows: int) -> list[Any]:
    """Return values at the places of their rows; the others have none."""
    if len(values) == rows:
        return list(values)
    out: list[Any] = [None] * rows
    for place, value in zip(places.tolist(), values, strict=True):
        out[place] = value
    return out


def _read_batch(inputs: Any, body: bytes, kind: str) -> tuple[Read, Sequence[Any]]:
    """Return the rows of a table, and what stands for them where one is to be shown."""
    if kind == _LINES:
        rows = [_json(line) for line in body.splitlines() if line.strip()]
        return inputs.read(rows), rows
    try:
        if kind == _ARROW:
            with pa.ipc.open_stream(body) as reader:
                table = reader.read_all()
        elif kind == _PARQUET:
            table = pq.read_table(io.BytesIO(body))
        else:
            types = {one.name: one.type for one in inputs.schema if not pa.types.is_nested(one.type)}
            options = pa.csv.ConvertOptions(column_types=types, strings_can_be_null=True)
            table = pa.csv.read_csv(io.BytesIO(body), convert_options=options)
    except pa.ArrowException as error:
        raise _Refused(422, f"The table cannot be read: {error}") from error
    return inputs.read_table(table), _Rows(table)


class _Rows(Sequence[Any]):
    """The rows of a table as objects, made when they are asked for."""

    def __init__(self, table: pa.Table) -> None:
        self._table = table

    def __len__(self) -> int:
        return int(self._table.num_rows)

    def __getitem__(self, row: Any) -> Any:
        return self._table.slice(row, 1).to_pylist()[0]


def _write_batch(answer: Answer, kind: str) -> bytes:
    signature = answer.served.signature
    told = answer.served.told(answer.said)
    columns: dict[str, Any] = {
        "row": pa.array(answer.read.places),
        "id": pa.array(answer.ids, pa.string()),
        "predicted": pa.array(told, pa.string() if signature.classes else pa.float64()),
    }
    for place, name in enumerate(signature.classes):
        columns[f"probability_{name}"] = pa.array(answer.said[:, place])
    table = pa.table(columns)
    if kind == _LINES:
        return b"".join(json.dumps(row, ensure_ascii=False).encode() + b"\n" for row in table.to_pylist())
    sink = io.BytesIO()
    if kind == _ARROW:
        with pa.ipc.new_stream(sink, table.schema) as writer:
            writer.write_table(table)
    elif kind == _PARQUET:
        pq.write_table(table, sink)
    else:
        pa.csv.write_csv(table, sink)
    return sink.getvalue()
