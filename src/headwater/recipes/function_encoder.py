"""A user's function as an encoder: ``module:function``, from values to vectors."""

from __future__ import annotations

import importlib
import inspect
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from headwater.core.errors import NotFound
from headwater.recipes.encoder import F32, Encoder

__all__ = ["FunctionEncoder"]

_TURN = threading.Lock()


@dataclass(frozen=True, kw_only=True)
class FunctionEncoder(Encoder):
    """A function of the user's.

    It takes a `pyarrow.Array` of distinct values without nulls and returns an array of shape (n, d), or a list of n
    lists. It is called by one thread at a time.

    Parameters
    ----------
    name : str
        ``module:function``; the module can be imported.

    Notes
    -----
    When the text of the function changes, or its attribute ``version``, all values are encoded anew. What it calls is
    not looked at: raise ``version`` when that changes.
    """

    id = "function"
    title = "A function of your own"
    reads = "any"
    batch_rows = 256

    name: str

    @property
    def fingerprint(self) -> str:
        """The text of the function and its attribute ``version``."""
        function = self._function()
        try:
            text = inspect.getsource(function)
        except (OSError, TypeError):
            text = ""  # Built in, or made at run time: only its version can tell.
        return f"{getattr(function, 'version', '')}\n{text}"

    def encode(self, values: pa.Array) -> F32:
        """Return what the function makes of the values."""
        function = self._function()
        with _TURN:
            said = function(values)
        detached = said.detach().cpu() if hasattr(said, "detach") else said
        return detached if isinstance(detached, list) else np.asarray(detached)  # type: ignore[return-value]

    def _function(self) -> Callable[[pa.Array], Any]:
        module, _, name = self.name.partition(":")
        try:
            function: Any = getattr(importlib.import_module(module), name)
        except (ImportError, AttributeError, ValueError) as error:
            raise NotFound(
                f"There is no encoder {self.name!r}: {error}. Give module:function, where the module can be imported.",
                kind="encoder",
                name=self.name,
            ) from error
        if not callable(function):
            raise NotFound(
                f"{self.name!r} is no function: it is a {type(function).__name__}.", kind="encoder"
            )
        return function  # type: ignore[no-any-return]
