"""Executors by name, as the command line and the environment give them."""

from __future__ import annotations

from headwater.core.errors import UsageError
from headwater.engine.base import Executor
from headwater.engine.local import LocalExecutor

__all__ = ["executor_of"]


def executor_of(engine: str = "local", workers: int | None = None) -> Executor:
    """Return the executor of that name.

    Parameters
    ----------
    engine : str
        ``local``, ``ray`` (the cluster that there is, else one is started), ``ray://HOST:PORT``.
    workers : int, optional
        Tasks at once; as many as there is room for by default.

    Raises
    ------
    MissingExtra
        If its package is not installed.
    StorageError
        If its cluster cannot be reached.
    UsageError
        If there is no such engine.

    Examples
    --------
    >>> executor_of("local", workers=2)
    LocalExecutor(workers=2)
    """
    if engine == "local":
        return LocalExecutor(workers)
    if engine == "ray" or engine.startswith("ray://"):
        from headwater.engine.ray import RayExecutor

        return RayExecutor(None if engine == "ray" else engine, workers=workers)
    raise UsageError(f"There is no engine {engine!r}. Engines: local, ray, ray://HOST:PORT.", engine=engine)
