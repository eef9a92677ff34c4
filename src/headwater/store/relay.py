"""Object stores for a process that was forked: a fresh process does there what is asked of it.

What reads and writes object stores works in threads of its own. They do not live through a fork, and the child would
wait for them for ever. PyTorch's loaders fork their workers, unless told otherwise.
"""

from __future__ import annotations

import functools
import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from multiprocessing.connection import Connection
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, TypeVar

from headwater.core.errors import StorageError

if TYPE_CHECKING:
    from headwater.store.storage import Storage

__all__ = ["relayed", "serve"]

P = ParamSpec("P")
S = TypeVar("S", bound="Storage")
R = TypeVar("R")

_CODE = (
    "import json, sys; sys.path[:] = json.loads(sys.argv[2]); "
    "from headwater.store.relay import serve; serve(int(sys.argv[1]))"
)
_lock = threading.Lock()
_user: int | None = None
"""The process that was the first to use object stores."""
_relay: tuple[int, Connection, subprocess.Popen[bytes]] | None = None
"""The process that started a relay, the way to it, and the relay."""


def relayed(method: Callable[Concatenate[S, P], R]) -> Callable[Concatenate[S, P], R]:
    """Let a method of a storage be called in a forked process, too.

    Parameters
    ----------
    method : callable
        Takes and returns what can be pickled; an iterator is returned as a whole.
    """

    @functools.wraps(method)
    def call(self: S, /, *args: P.args, **kwargs: P.kwargs) -> R:
        global _user
        if _user is None:
            _user = os.getpid()
        if _user == os.getpid():
            return method(self, *args, **kwargs)
        made: R = _asked(self, method.__name__, args, kwargs)
        return made

    return call


def serve(handle: int) -> None:
    """Do what is asked through a socket, until its other end is closed."""
    from headwater.store.storage import Storage

    # An interruption is for the process that started this one, which ends with it.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    storages: dict[str, Storage] = {}
    with Connection(handle) as connection:
        while True:
            try:
                location, options, name, args, kwargs = connection.recv()
            except (EOFError, ConnectionError):
                return
            try:
                key = f"{location} {options!r}"
                if key not in storages:
                    storages[key] = Storage(location, **options)
                value = getattr(storages[key], name)(*args, **kwargs)
                answer = (True, list(value) if isinstance(value, Iterator) else value)
            except Exception as error:  # noqa: BLE001 - who asked raises it
                answer = (False, error)
            connection.send(answer)


def _asked(storage: Storage, name: str, args: Any, kwargs: Any) -> Any:
    if storage.location.startswith("memory://"):
        raise StorageError(
            f"What is in {storage.location} stays in its process, and this one was forked from it. Use a directory."
        )
    with _lock:
        connection = _connection()
        connection.send((storage.location, storage.options, name, args, kwargs))
        is_done, value = connection.recv()
    if not is_done:
        raise value
    return value


def _connection() -> Connection:
    """Return the way to the relay of this process."""
    global _relay
    if _relay is None or _relay[0] != os.getpid():
        ours, theirs = socket.socketpair()
        with theirs:
            process = subprocess.Popen(
                [sys.executable, "-c", _CODE, str(theirs.fileno()), json.dumps(sys.path)],
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
            )
        _relay = os.getpid(), Connection(ours.detach()), process
    return _relay[1]
