"""Check digits of card numbers, bank accounts and health numbers, over many strings at once."""

from __future__ import annotations

from collections.abc import Sequence
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

__all__ = ["IBAN_LENGTHS", "code_points", "iban_is_valid", "luhn_is_valid", "nhs_is_valid"]

Bools = NDArray[np.bool_]

# Length of an IBAN by country: ISO 13616 registry.
IBAN_LENGTHS = MappingProxyType(
    {
        country: int(length)
        for length, countries in {
            "15": "NO",
            "16": "BE",
            "18": "DK FI FK FO GL NL SD",
            "19": "MK SI",
            "20": "AT BA EE KZ LT LU MN XK",
            "21": "CH HR LI LV",
            "22": "BG BH CR DE GB GE IE ME RS VA",
            "23": "AE GI IL IQ OM SO TL",
            "24": "AD CZ ES MD PK RO SA SE SK TN VG",
            "25": "LY PT ST",
            "26": "IS TR",
            "27": "BI DJ FR GR IT MC MR SM",
            "28": "AL AZ BY CY DO GT HN HU LB NI PL SV",
            "29": "BR EG PS QA UA",
            "30": "JO KW MU YE",
            "31": "MT SC",
            "32": "LC",
            "33": "RU",
        }.items()
        for country in countries.split()
    }
)


def code_points(strings: Sequence[str]) -> NDArray[np.uint32]:
    """Return strings as a matrix of code points, one row a string, 0 after its end."""
    array = np.asarray(strings, dtype=np.str_)
    width = array.dtype.itemsize // 4
    return np.frombuffer(array.tobytes(), np.uint32).reshape(array.size, width)


def luhn_is_valid(digits: Sequence[str]) -> Bools:
    """Return which strings of digits end in the right Luhn check digit; one in ten random ones does.

    References
    ----------
    Luhn (1960). Computer for verifying numbers. US patent 2950048. ISO/IEC 7812-1.

    Examples
    --------
    >>> luhn_is_valid(["79927398713", "79927398710"]).tolist()
    [True, False]
    """
    if len(digits) == 0:
        return np.zeros(0, np.bool_)
    codes = code_points(digits).astype(np.int64)
    present = codes > 0
    values = np.where(present, codes - ord("0"), 0)
    lengths = present.sum(axis=1)
    from_right = lengths[:, None] - 1 - np.arange(codes.shape[1])
    doubled = np.where(from_right % 2 == 1, values * 2 - 9 * (values > 4), values)
    clean = ((values >= 0) & (values <= 9)).all(axis=1) & (lengths > 1)
    return np.asarray(clean & (doubled.sum(axis=1) % 10 == 0) & values.any(axis=1), np.bool_)


def iban_is_valid(accounts: Sequence[str]) -> Bools:
    """Return which strings, in capitals without spaces, are IBANs: known country, its length, and mod 97 = 1.

    References
    ----------
    ISO 13616-1, ISO/IEC 7064.

    Examples
    --------
    >>> iban_is_valid(["GB82WEST12345698765432", "GB83WEST12345698765432"]).tolist()
    [True, False]
    """
    if len(accounts) == 0:
        return np.zeros(0, np.bool_)
    known = np.array([IBAN_LENGTHS.get(account[:2]) == len(account) for account in accounts])
    codes = code_points([account[4:] + account[:4] for account in accounts]).astype(np.int64)
    digit = (codes >= ord("0")) & (codes <= ord("9"))
    letter = (codes >= ord("A")) & (codes <= ord("Z"))
    remainder = np.zeros(len(accounts), np.int64)
    for place in range(codes.shape[1]):
        code, is_digit, is_letter = codes[:, place], digit[:, place], letter[:, place]
        stepped = np.where(is_digit, remainder * 10 + code - ord("0"), remainder * 100 + code - ord("A") + 10)
        remainder = np.where(is_digit | is_letter, stepped % 97, remainder)
    clean = (digit | letter | (codes == 0)).all(axis=1)
    return np.asarray(known & clean & (remainder == 1), np.bool_)


def nhs_is_valid(digits: Sequence[str]) -> Bools:
    """Return which strings of ten digits are NHS numbers (mod 11); one in eleven random ones is.

    References
    ----------
    NHS Data Dictionary, NHS number.

    Examples
    --------
    >>> nhs_is_valid(["9434765919", "9434765918"]).tolist()
    [True, False]
    """
    if len(digits) == 0:
        return np.zeros(0, np.bool_)
    ten = np.array([len(text) == 10 and text.isascii() and text.isdigit() for text in digits])
    values = code_points([text if ok else "0" * 10 for text, ok in zip(digits, ten, strict=True)]).astype(
        np.int64
    )
    values -= ord("0")
    check = (11 - values[:, :9] @ np.arange(10, 1, -1) % 11) % 11
    return np.asarray(ten & (check == values[:, 9]) & values.any(axis=1), np.bool_)
