"""One thread for numeric libraries: with several processes or threads of ours, theirs only get in the way.

Cross-validation without this cap was seen to be 36 times slower.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import Any

from headwater.core.extras import require

__all__ = ["one_thread"]

_BRING_THREADS = ("numpy", "scipy.linalg", "sklearn", "onnxruntime", "torch")


@contextmanager
def one_thread() -> Iterator[None]:
    """Limit BLAS and OpenMP to one thread inside the block.

    OpenMP's limit belongs to the thread that sets it, that of BLAS to the process and to one thread that controls
    it. So where several threads of ours train at once, enter the block around them too, in the thread that waits
    for them: it then holds the limit of BLAS until all are done.
    """
    with _control(tuple(name in sys.modules for name in _BRING_THREADS)).limit(limits=1):
        yield


@lru_cache(maxsize=4)
def _control(loaded: tuple[bool, ...]) -> Any:
    """Return what knows the libraries that are loaded; looking for them takes longer than a prediction."""
    return require("threadpoolctl", extra="ml", purpose="Training").ThreadpoolController()
