"""The command serve: answer requests for predictions over HTTP."""

from __future__ import annotations

import json
import logging
import os
import socket
import threading
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import click

from headwater.cli.app import Session, command
from headwater.cli.options import column_names, joined
from headwater.cli.watch import Duration, stopping

if TYPE_CHECKING:
    from headwater.serving.endpoint import Endpoint

__all__ = ["serve"]


@command("serve")
@click.argument("models", nargs=-1, required=True, metavar="MODEL…")
@click.option("--host", default="127.0.0.1", show_default=True, help="The address to listen at.")
@click.option(
    "--port",
    default=8080,
    show_default=True,
    type=click.IntRange(0, 65535),
    help="The port; 0 takes a free one.",
)
@click.option("--canary", metavar="MODEL@VERSION", help="A version that answers a share of the requests.")
@click.option(
    "--canary-share", default=0.1, show_default=True, type=click.FloatRange(0, 1), help="That share of them."
)
@click.option(
    "--shadow", metavar="MODEL@VERSION", help="A version whose answers are logged, and given to nobody."
)
@click.option(
    "--on-bad",
    type=click.Choice(["refuse", "quarantine"]),
    default="refuse",
    show_default=True,
    help="Refuse a request with a bad row, or answer the others and set it apart.",
)
@click.option("--log/--no-log", "is_logged", default=True, help="Keep predictions in the prediction log.")
@click.option("--log-inputs/--no-log-inputs", default=True, help="Keep what was asked as well.")
@click.option(
    "--mask",
    type=column_names,
    multiple=True,
    metavar="COL,…",
    help="Fields not to log as they are, beside those that the contract classifies.",
)
@click.option(
    "--mask-key-env", metavar="NAME", help="The variable with the key: texts are logged as pseudonyms by it."
)
@click.option(
    "--flush",
    type=Duration(),
    default="5s",
    show_default=True,
    metavar="TIME",
    help="Time between commits of the log.",
)
@click.option(
    "--keep-days",
    type=click.FloatRange(min=0, min_open=True),
    metavar="N",
    help="Remove older predictions, daily.",
)
@click.option(
    "--follow",
    type=Duration(),
    default="10s",
    show_default=True,
    metavar="TIME",
    help="How often to look whether another version was promoted; 0s never.",
)
@click.option("--token-env", metavar="NAME", help="The variable with the token that requests must carry.")
def serve(session: Session, models: tuple[str, ...], host: str, port: int, **options: Any) -> None:
    """Serve models over HTTP, and log what they say.

    POST /v1/models/NAME:predict with {"instances": [{"FIELD": VALUE}]}; also :batch, :explain, :feedback, the Open
    Inference Protocol at /v2, /metrics for Prometheus and /docs. Rows that break the model's input contract are told
    field by field. A promotion or rollback reaches the server by itself. Ctrl-C or SIGTERM answers what waits, writes
    the log, and ends.

    Examples
    --------
    hw serve sentiment
    hw serve sentiment@production --canary sentiment@4 --canary-share 0.05 --port 9000
    hw serve credit fraud --host 0.0.0.0 --token-env TOKEN --keep-days 90
    """
    from headwater.core.errors import UsageError
    from headwater.core.extras import require
    from headwater.serving.app import create_app
    from headwater.serving.endpoint import Endpoint, mask_of, watch
    from headwater.serving.journal import Mask

    uvicorn = require("uvicorn", extra="serve", purpose="Serving")
    token, key = _secret(options["token_env"]), _secret(options["mask_key_env"]).encode()
    repo = session.repo()
    names = [one.partition("@")[0] for one in models]
    beside = {role: options[role] for role in ("canary", "shadow") if options[role]}
    twice = {one for one in names if names.count(one) > 1}
    if twice:
        raise UsageError(
            f"Model {min(twice)!r} is named twice. Serve another version of it by --canary or --shadow."
        )
    stray = [one for one in beside.values() if one.partition("@")[0] not in names]
    if stray:
        raise UsageError(f"{stray[0]!r} is no version of a model that is served here: {', '.join(names)}.")
    endpoints = {}
    for name, ref in zip(names, models, strict=True):
        mask = mask_of(repo.models[ref], joined(options["mask"]), key=key)
        if not options["log_inputs"]:
            mask = Mask(keeps_inputs=False)
        endpoints[name] = Endpoint(
            repo,
            ref,
            **{role: one for role, one in beside.items() if one.partition("@")[0] == name},
            canary_share=options["canary_share"],
            on_bad=options["on_bad"],
            mask=mask,
            is_logged=options["is_logged"],
            every_s=options["flush"],
            keep_days=options["keep_days"],
        )
    app = create_app(endpoints, token=token)
    logging.getLogger("headwater.serving").setLevel(logging.INFO)
    try:
        listening = socket.create_server(
            (host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET, backlog=2048
        )
    except OSError as error:
        for one in endpoints.values():
            one.close()
        raise UsageError(f"Port {port} of {host} cannot be had: {error}. Take another: --port.") from error
    # A small answer is sent at once, and does not wait for the last one to be acknowledged.
    listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    config = uvicorn.Config(app, log_level="warning", access_log=False, timeout_graceful_shutdown=30)
    server = uvicorn.Server(config)

    def end() -> None:
        stop.wait()
        server.should_exit = True

    # Who asks it to end before the server listens to signals is heard too, and the server passes the signals that
    # ended it on to whoever listened before: here somebody who only notes it.
    with stopping() as stop:
        threading.Thread(target=end, daemon=True).start()
        _announce(session, f"http://{host}:{listening.getsockname()[1]}", endpoints)
        if options["follow"]:
            given = (list(endpoints.values()), options["follow"], stop)
            threading.Thread(target=watch, args=given, daemon=True).start()
        server.run(sockets=[listening])
        stop.set()
    written = sum(one.journal.written for one in endpoints.values() if one.journal is not None)
    if session.as_json:
        click.echo(json.dumps({"event": "stopped", "logged": written}))
    else:
        session.say(f"Stopped. {written:,} prediction(s) were logged.")


def _announce(session: Session, url: str, endpoints: Mapping[str, Endpoint]) -> None:
    served = [one.primary.version.id for one in endpoints.values()]
    lost = {name: one.journal.found_lost for name, one in endpoints.items() if one.journal is not None}
    if session.as_json:
        click.echo(json.dumps({"event": "serving", "url": url, "models": served, "lost": sum(lost.values())}))
        return
    for name, rows in lost.items():
        if rows:
            session.say(
                f"Warning: a server of {name} was killed before it had logged {rows:,} prediction(s). The dataset "
                f"losses of branch predictions/{name} tells when."
            )
    click.echo(f"Serving {', '.join(served)} at {url}  (docs: {url}/docs)")


def _secret(variable: str | None) -> str:
    """Return what a variable holds.

    Raises
    ------
    UsageError
        If it is named and not set.
    """
    from headwater.core.errors import UsageError

    if not variable:
        return ""
    value = os.environ.get(variable, "")
    if not value:
        raise UsageError(f"The environment variable {variable} is not set.")
    return value
