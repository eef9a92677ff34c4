"""Text for readers: long values cut short, so that a message stays one."""

from __future__ import annotations

__all__ = ["CONTROLS", "clipped", "printable"]

CONTROLS = {
    code: f"\\x{code:02x}" if code < 256 else f"\\u{code:04x}"
    for code in (*range(32), *range(127, 160), *range(0x202A, 0x202F), *range(0x2066, 0x206A))
    if chr(code) not in "\t\n\r"
}
"""What to show for characters that have no form of their own, but may command a terminal or turn text round."""


def clipped(text: str, limit: int = 80) -> str:
    """Return text as it is, or its beginning with an ellipsis: at most ``limit`` characters in all.

    Examples
    --------
    >>> clipped("headwater", 5), clipped("water", 5)
    ('head…', 'water')
    """
    return text if len(text) <= limit else text[: limit - 1] + "…"


def printable(text: str) -> str:
    r"""Return text as Unicode: bytes of a file name that are none are shown as ``\xe9``.

    Examples
    --------
    >>> printable("caf\udce9.csv")
    'caf\\xe9.csv'
    """
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
