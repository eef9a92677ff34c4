"""Tell people and programs what happened at a gate: by webhook, in Slack's form, or by e-mail.

What is told are findings with their messages and counts, never rows. A notification that fails is tried again; if that
fails too it is told in the log, and the work goes on.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import logging
import os
import smtplib
import ssl
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from email.message import EmailMessage
from typing import Any

from headwater.core.config import Channel, find_config, read_config
from headwater.core.errors import InputError

__all__ = ["SIGNATURE", "announce", "notify", "payload_of", "slack_of", "text_of"]

logger = logging.getLogger(__name__)

SIGNATURE = "X-Headwater-Signature"
"""The header with ``sha256=`` and the HMAC-SHA256 of the body, in hexadecimal digits."""

_ATTEMPTS = 3
_WAIT_S = 0.5
_TIMEOUT_S = 10.0
_LISTED = 10
_FIELDS = ("outcome", "check", "dataset", "column", "message", "row_count")
_TOO_MANY, _SERVER = 429, 500


class _Refused(Exception):
    """An answer that trying again does not change."""


def announce(event: Mapping[str, Any]) -> None:
    """Send an event to all channels of the nearest ``headwater.toml`` that want it; without one nobody is told."""
    path = find_config()
    if path is None:
        return
    try:
        channels = read_config(path).notifications
    except (InputError, OSError) as error:
        logger.warning("Nobody was notified: %s", error)
        return
    notify(channels, event)


def notify(
    channels: Sequence[Channel], event: Mapping[str, Any], *, sleep: Callable[[float], None] = time.sleep
) -> list[str]:
    """Send an event to the channels that want it.

    Parameters
    ----------
    channels : sequence of Channel
        Where to.
    event : mapping
        What happened: ``event``, ``repository``, ``branch``, ``commit``, ``message``, ``author``, ``time``,
        ``findings`` and the like.
    sleep : callable
        Waits so many seconds before another attempt: half a second, then one.

    Returns
    -------
    list of str
        What went wrong for good; each is also logged as a warning. Nothing is raised.
    """
    told = []
    for number, channel in enumerate(channels, 1):
        wanted = event["event"] in channel.on and (
            not channel.branches or event.get("branch") in channel.branches
        )
        problem = _sent(channel, event, sleep) if wanted else ""
        if problem:
            told.append(f"Notification {number} ({channel.kind}) was not sent: {problem}")
            logger.warning("%s", told[-1])
    return told


def payload_of(event: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a webhook gets: the event, and of its findings what names no rows."""
    findings = [{name: one.get(name) for name in _FIELDS} for one in event.get("findings") or ()]
    return {**event, "findings": findings}


def text_of(event: Mapping[str, Any]) -> tuple[str, str]:
    """Return an event as a line, and as a text for people."""
    about = str(event.get("message") or "").partition("\n")[0]
    where = f" on {event['branch']}" if event.get("branch") else ""
    title = f"Headwater: {event['event']}{where}" + (f": {about}" if about else "")
    lines = [f"{event['event']}{where} of {event.get('repository', '')}, by {event.get('author', '')}"]
    if about:
        lines.append(about)
    lines += [f"{name}: {event[name]}" for name in ("path", "error", "reason") if event.get(name)]
    lines += [
        f"{count:,} row(s) of {dataset} went to quarantine: hw quarantine {dataset}"
        for dataset, count in (event.get("rows") or {}).items()
    ]
    findings = event.get("findings") or ()
    lines += [
        f"- {one['outcome']} {one['check']} {one['dataset']}{'.' + one['column'] if one.get('column') else ''}: "
        f"{one['message']}"
        for one in findings[:_LISTED]
    ]
    if len(findings) > _LISTED:
        lines.append(f"- … {len(findings) - _LISTED} more")
    if event["event"] == "quarantined" and event.get("commit"):
        lines.append(f"hw quarantine show {str(event['commit'])[:12]}")
    return title, "\n".join(lines)


def slack_of(event: Mapping[str, Any]) -> dict[str, Any]:
    """Return an event as the body of an incoming webhook of Slack."""
    title, text = text_of(event)
    safe = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return {
        "text": title,
        "blocks": [
            {"type": "header", "text": {"type": "plain_text", "text": title[:150]}},
            {"type": "section", "text": {"type": "mrkdwn", "text": safe[:3000]}},
        ],
    }


def _sent(channel: Channel, event: Mapping[str, Any], sleep: Callable[[float], None]) -> str:
    """Send an event, again if need be; return what went wrong for good."""
    problem = ""
    for attempt in range(_ATTEMPTS):
        if attempt:
            sleep(_WAIT_S * 2 ** (attempt - 1))
        try:
            (_mail if channel.kind == "email" else _post)(channel, event)
        except _Refused as error:
            return str(error)
        except Exception as error:  # noqa: BLE001 - whatever breaks, the work that is told of is done
            problem = f"{type(error).__name__}: {error}"
        else:
            return ""
    return f"{problem} ({_ATTEMPTS} attempts)"


def _post(channel: Channel, event: Mapping[str, Any]) -> None:
    url = channel.url or _variable(channel.url_env)
    if not url.startswith(("https://", "http://")):
        raise _Refused("the URL must begin with https:// or http://")
    value = slack_of(event) if channel.kind == "slack" else payload_of(event)
    body = json.dumps(value, default=str).encode()
    headers = {"Content-Type": "application/json", "User-Agent": "headwater"}
    if channel.secret_env:
        mac = hmac.new(_variable(channel.secret_env).encode(), body, hashlib.sha256)
        headers[SIGNATURE] = f"sha256={mac.hexdigest()}"
    request = urllib.request.Request(url, body, headers)
    try:
        with urllib.request.urlopen(request, timeout=_TIMEOUT_S):
            pass
    except urllib.error.HTTPError as error:
        with error:
            if error.code != _TOO_MANY and error.code < _SERVER:
                raise _Refused(f"the server answered {error.code} {error.reason}") from None
            raise


def _mail(channel: Channel, event: Mapping[str, Any]) -> None:
    title, text = text_of(event)
    message = EmailMessage()
    message["Subject"] = " ".join(title.split())
    message["From"], message["To"] = channel.sender, ", ".join(channel.to)
    message.set_content(text)
    with smtplib.SMTP(channel.host, channel.port, timeout=_TIMEOUT_S) as server:
        if channel.starttls:
            server.starttls(context=ssl.create_default_context())
        if channel.user_env:
            server.login(_variable(channel.user_env), _variable(channel.password_env))
        server.send_message(message)


def _variable(name: str) -> str:
    value = os.environ.get(name, "")
    if not value:
        raise _Refused(f"the environment variable {name} is not set")
    return value
