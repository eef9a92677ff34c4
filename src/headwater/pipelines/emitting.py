"""Send a run's OpenLineage events while it runs, without slowing it, and without breaking it.

Where to says ``[openlineage]`` of ``headwater.toml``, or else the standard's variables ``OPENLINEAGE_URL``,
``OPENLINEAGE_ENDPOINT``, ``OPENLINEAGE_API_KEY`` and ``OPENLINEAGE_NAMESPACE``.
"""

from __future__ import annotations

import json
import logging
import os
import queue
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from headwater.core.config import OpenLineage, find_config, read_config
from headwater.core.errors import InputError

__all__ = ["Emitter", "destination"]

logger = logging.getLogger(__name__)

_MOST = 1_000
_ATTEMPTS = 3
_WAIT_S = 0.25
_TIMEOUT_S = 5.0
_END_S = 5.0
_TOO_MANY, _SERVER = 429, 500
_ENDPOINT = "api/v1/lineage"


def destination(environ: Mapping[str, str] = os.environ) -> OpenLineage | None:
    """Return where events go; None if nowhere. A file that cannot be read is told in the log."""
    path = find_config()
    if path is not None:
        try:
            found = read_config(path).openlineage
        except (InputError, OSError) as error:
            logger.warning("No lineage is sent: %s", error)
            return None
        if found is not None:
            return found
    url = environ.get("OPENLINEAGE_URL", "")
    if not url or environ.get("OPENLINEAGE_DISABLED", "").lower() == "true":
        return None
    return OpenLineage(
        url=f"{url.rstrip('/')}/{environ.get('OPENLINEAGE_ENDPOINT', _ENDPOINT).lstrip('/')}",
        api_key_env="OPENLINEAGE_API_KEY" if environ.get("OPENLINEAGE_API_KEY") else "",
        namespace=environ.get("OPENLINEAGE_NAMESPACE", ""),
    )


class Emitter:
    """Sends events from a thread of its own; after three failures in a row it gives up for this run.

    Parameters
    ----------
    where : OpenLineage
        Where to.
    """

    def __init__(self, where: OpenLineage) -> None:
        self.where = where
        self.unsent = 0
        self.problem = ""
        self._queue: queue.Queue[dict[str, Any] | None] = queue.Queue(_MOST)
        self._is_closing = threading.Event()
        self._thread = threading.Thread(target=self._work, name="openlineage", daemon=True)
        self._thread.start()

    def send(self, event: dict[str, Any]) -> None:
        """Take an event; what does not fit any more is counted."""
        try:
            self._queue.put_nowait(event)
        except queue.Full:
            self.unsent += 1

    def close(self, timeout_s: float = _END_S) -> None:
        """Wait for what is under way, no longer than that, and say what could not be sent."""
        self._is_closing.set()
        try:
            self._queue.put(None, timeout=timeout_s)
        except queue.Full:
            self.unsent += 1
        self._thread.join(timeout_s)
        left = self._queue.qsize()
        if self._thread.is_alive():
            self.problem = self.problem or f"no answer within {timeout_s:g} s"
        if self.unsent or left or self._thread.is_alive():
            logger.warning(
                "%d lineage event(s) were not sent to %s: %s. The run itself is not touched by that; "
                "`hw runs show RUN --openlineage` prints them.",
                self.unsent + max(left, int(self._thread.is_alive())),
                self.where.url or self.where.file,
                self.problem or "too many at once",
            )

    def _work(self) -> None:
        while (event := self._queue.get()) is not None:
            if self.problem:
                self.unsent += 1
                continue
            problem = self._sent(event)
            if problem:
                self.problem, self.unsent = problem, self.unsent + 1

    def _sent(self, event: Mapping[str, Any]) -> str:
        problem = ""
        for attempt in range(_ATTEMPTS):
            if attempt:
                time.sleep(_WAIT_S * 2**attempt)
            try:
                self._post(event) if self.where.url else self._write(event)
            except urllib.error.HTTPError as error:
                with error:
                    problem = f"the server answered {error.code} {error.reason}"
                    if error.code != _TOO_MANY and error.code < _SERVER:
                        return problem
            except Exception as error:  # noqa: BLE001 - whatever breaks, the run goes on; it is told at its end
                problem = f"{type(error).__name__}: {error}"
            else:
                return ""
        return f"{problem} ({_ATTEMPTS} attempts)"

    def _post(self, event: Mapping[str, Any]) -> None:
        headers = {"Content-Type": "application/json", "User-Agent": "headwater"}
        if self.where.api_key_env:
            headers["Authorization"] = f"Bearer {os.environ.get(self.where.api_key_env, '')}"
        request = urllib.request.Request(self.where.url, json.dumps(event).encode(), headers)
        with urllib.request.urlopen(request, timeout=_TIMEOUT_S):
            pass

    def _write(self, event: Mapping[str, Any]) -> None:
        with Path(self.where.file).open("a", encoding="utf-8") as out:
            out.write(json.dumps(event) + "\n")
