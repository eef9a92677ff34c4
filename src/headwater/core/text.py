"""Text for readers: long values cut short, so that a message stays one."""

from __future__ import annotations

__all__ = ["clipped"]


def clipped(text: str, limit: int = 80) -> str:
    """Return text as it is, or its beginning with an ellipsis: at most ``limit`` characters in all.

    Examples
    --------
    >>> clipped("headwater", 5), clipped("water", 5)
    ('head…', 'water')
    """
    return text if len(text) <= limit else text[: limit - 1] + "…"
