"""The file ``headwater.toml`` beside the code: what concerns this checkout, and not everybody who uses the data.

So far that is where notifications and lineage go. Gates are kept in the repository instead (`headwater.versions.gate`):
a gate that only some who write have would be none.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Literal, get_args, get_type_hints

from headwater.core.errors import InputError

__all__ = ["CONFIG", "EVENTS", "Channel", "Config", "OpenLineage", "find_config", "read_config"]

CONFIG = "headwater.toml"
EVENTS = ("quarantined", "diverted", "failed", "released", "dropped")
"""What is told of: a commit that a gate holds, rows it diverts, a file that cannot be imported, what became of them."""

ChannelKind = Literal["webhook", "slack", "email"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Channel:
    """Where notifications go; secrets are named by the environment variable that holds them.

    Parameters
    ----------
    kind : {"webhook", "slack", "email"}
        A JSON POST, one in the form of Slack's incoming webhooks, or an e-mail by SMTP.
    on : tuple of str
        Which events; all by default.
    branches : tuple of str
        Of which branches; all by default.
    url, url_env : str
        Where to post, or the variable that says it.
    secret_env : str
        The variable with the key of the signature; without one nothing is signed.
    host, port : str, int
        The SMTP server.
    sender, to : str, tuple of str
        The addresses.
    starttls : bool
        Whether the connection must be encrypted.
    user_env, password_env : str
        The variables with the login; without them there is none.
    """

    kind: ChannelKind
    on: tuple[str, ...] = EVENTS
    branches: tuple[str, ...] = ()
    url: str = ""
    url_env: str = ""
    secret_env: str = ""
    host: str = ""
    port: int = 587
    sender: str = ""
    to: tuple[str, ...] = ()
    starttls: bool = True
    user_env: str = ""
    password_env: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenLineage:
    """Where events of OpenLineage go: to a server, or to the end of a file.

    Parameters
    ----------
    url : str
        Where to post each event.
    api_key_env : str
        The environment variable with the key that is sent as bearer; without one none is sent.
    namespace : str
        Of jobs and datasets; the location of the repository by default.
    file : str
        The file, a line for each event.
    """

    url: str = ""
    api_key_env: str = ""
    namespace: str = ""
    file: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """What ``headwater.toml`` says."""

    notifications: tuple[Channel, ...] = ()
    openlineage: OpenLineage | None = None


def find_config(start: str | Path = ".") -> Path | None:
    """Return the nearest ``headwater.toml`` at or above a directory; None if there is none."""
    here = Path(start).absolute()
    return next((f / CONFIG for f in (here, *here.parents) if (f / CONFIG).is_file()), None)


def read_config(path: str | Path) -> Config:
    """Read the file.

    Raises
    ------
    InputError
        If it is not TOML, or says something that means nothing.
    """
    try:
        value = tomllib.loads(Path(path).read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InputError(f"{path} is not TOML: {error}", path=str(path)) from error
    listed = value.get("notifications", [])
    if not isinstance(listed, list) or not all(isinstance(one, dict) for one in listed):
        raise InputError(f"{path}: write each notification as a table [[notifications]].", path=str(path))
    return Config(
        notifications=tuple(
            _channel(one, f"{path}: notification {number}") for number, one in enumerate(listed, 1)
        ),
        openlineage=_openlineage(value["openlineage"], str(path)) if "openlineage" in value else None,
    )


def _openlineage(given: Any, path: str) -> OpenLineage:
    where = f"{path}: [openlineage]"
    known = [field.name for field in fields(OpenLineage)]
    if not isinstance(given, dict):
        raise InputError(f"{path}: write openlineage as a table [openlineage].", path=path)
    for name, value in given.items():
        if name not in known:
            raise InputError(f"{where} has no setting {name!r}. Settings: {', '.join(known)}.", setting=name)
        if not isinstance(value, str):
            raise InputError(f"{where}: {name} must be of type str.", setting=name)
    found = OpenLineage(**given)
    if bool(found.url) == bool(found.file):
        raise InputError(f"{where} needs one of url and file.", setting="url")
    if found.url and not found.url.startswith(("https://", "http://")):
        raise InputError(f"{where}: the URL must begin with https:// or http://.", setting="url")
    return found


def _channel(given: Mapping[str, Any], where: str) -> Channel:
    kinds = get_type_hints(Channel)
    for name, value in given.items():
        if name not in kinds:
            known = ", ".join(field.name for field in fields(Channel))
            raise InputError(f"{where} has no setting {name!r}. Settings: {known}.", setting=name)
        wanted = {"port": int, "starttls": bool, "on": list, "branches": list, "to": list}.get(name, str)
        if not isinstance(value, wanted) or (wanted is int and isinstance(value, bool)):
            raise InputError(f"{where}: {name} must be of type {wanted.__name__}.", setting=name)
    if given.get("kind") not in get_args(ChannelKind):
        raise InputError(f"{where} needs a kind: {', '.join(get_args(ChannelKind))}.", setting="kind")
    values: dict[str, Any] = {n: tuple(v) if isinstance(v, list) else v for n, v in given.items()}
    channel = Channel(**values)
    unknown = [name for name in channel.on if name not in EVENTS]
    if unknown:
        raise InputError(f"{where}: {unknown[0]!r} is no event. Events: {', '.join(EVENTS)}.", setting="on")
    if channel.kind == "email":
        lacking = [name for name in ("host", "sender", "to") if not getattr(channel, name)]
        if lacking:
            raise InputError(f"{where} needs {', '.join(lacking)}.", setting=lacking[0])
        if bool(channel.user_env) != bool(channel.password_env) or (
            channel.user_env and not channel.starttls
        ):
            raise InputError(
                f"{where}: a login takes user_env and password_env, and starttls, so that it is not read on the way.",
                setting="user_env",
            )
    elif bool(channel.url) == bool(channel.url_env):
        raise InputError(f"{where} needs one of url and url_env.", setting="url")
    return channel
