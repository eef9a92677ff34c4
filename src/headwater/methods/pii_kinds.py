"""The kinds of personal data that have a form: their patterns, their checks, and what columns of them are called.

A kind has up to two patterns. What fits the ``strict`` one is taken as it is; what fits the ``loose`` one
counts only with a word near it, or a column name, that says what it is ("phone", "social security").
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from headwater.methods.checksums import iban_is_valid, luhn_is_valid, nhs_is_valid

__all__ = ["KINDS", "NAMED_KINDS", "Kind", "classify_name", "is_about_persons", "is_bare_name"]

Check = Callable[[Sequence[str]], NDArray[np.bool_]]


@dataclass(frozen=True)
class Kind:
    """One kind of personal data.

    Parameters
    ----------
    id : str
        Its name.
    prefilter : str
        An RE2 pattern that every text with a strict match matches; cheap, it spares the rest of the texts.
    strict, loose : re.Pattern or None
        What values look like; ``loose`` needs a word near it, or a column name, that says so.
    context : re.Pattern or None
        These words; RE2 reads the pattern too.
    check : callable or None
        Takes candidates, returns which of them are valid.
    chance : float
        The fraction of random values of the form that are valid.
    """

    id: str
    prefilter: str
    strict: re.Pattern[str] | None = None
    loose: re.Pattern[str] | None = None
    context: re.Pattern[str] | None = None
    check: Check | None = None
    chance: float = 0.0

    def is_chance(self, valid: int, tried: int) -> bool:
        """Say whether no more of ``tried`` values are valid than random ones would be (four deviations).

        Examples
        --------
        >>> card = next(kind for kind in KINDS if kind.id == "credit_card")
        >>> card.is_chance(12, 100), card.is_chance(90, 100)
        (True, False)
        """
        expected = tried * self.chance
        return valid < expected + 4 * float(np.sqrt(expected * (1 - self.chance)))


def _pattern(text: str, flags: int = 0) -> re.Pattern[str]:
    return re.compile(text, re.ASCII | re.VERBOSE | flags)


def _words(text: str) -> re.Pattern[str]:
    return re.compile(rf"\b(?:{text})(?:\b|[0-9_])", re.ASCII | re.IGNORECASE)


def _digits(text: str) -> str:
    return re.sub(r"[^0-9]", "", text)


def _is_card(candidates: Sequence[str]) -> NDArray[np.bool_]:
    numbers = [_digits(text) for text in candidates]
    plausible = np.array([12 <= len(n) <= 19 and len(set(n)) > 1 for n in numbers], np.bool_)
    return plausible & luhn_is_valid(numbers)


def _is_iban(candidates: Sequence[str]) -> NDArray[np.bool_]:
    return iban_is_valid([re.sub(r"[ -]", "", text).upper() for text in candidates])


def _is_nhs(candidates: Sequence[str]) -> NDArray[np.bool_]:
    return nhs_is_valid([_digits(text) for text in candidates])


def _is_address(candidates: Sequence[str]) -> NDArray[np.bool_]:
    return np.array([_parses_as_address(text) for text in candidates], np.bool_)


def _parses_as_address(text: str) -> bool:
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return False
    return not address.is_unspecified and not address.is_loopback


_DATE = re.compile(
    r"(?:19|20)[0-9]{2}[-./ ][0-9]{1,2}[-./ ][0-9]{1,2}|[0-9]{1,2}([-./ ])[0-9]{1,2}\1(?:19|20)[0-9]{2}"
)


def _is_phone(candidates: Sequence[str]) -> NDArray[np.bool_]:
    def fits(text: str) -> bool:
        number = _digits(re.split(r"x|ext", text, flags=re.IGNORECASE)[0])
        return 7 <= len(number) <= 15 and len(set(number)) > 2 and not _DATE.fullmatch(text.strip())

    return np.array([fits(text) for text in candidates], np.bool_)


_PHONE_FORMS = "|".join(
    [
        r"(?:\+|00)[1-9][0-9]{0,2}(?:[ .-]?\(?[0-9]{1,4}\)?){2,6}",  # +44 20 7946 0958
        r"(?:(?:\+?1|001)[ .-]?)?(?:\([2-9]\d\d\)[ /-]?|[2-9]\d\d[ ./-] ?)[2-9]\d\d[ .-]\d{4}",  # 212-555-0123
        r"\(?0[0-9]{1,4}\)?[ .-](?:[0-9]{2,4}[ .-]){1,4}[0-9]{2,4}",  # 01.84.17.61.18
        r"\(?0[1-9][0-9]{1,3}\)?[ /-][0-9]{6,8}",  # 0961-7596216
        r"\([0-9]{2,5}\)[ .-]?[0-9]{3,4}[ .-]?[0-9]{3,4}",  # (72) 754-186
    ]
)
_PHONE_START, _PHONE_END = r"(?<![\w.,+/=-])", r"(?![\w-])(?!\.[0-9])"

KINDS: tuple[Kind, ...] = (
    Kind(
        "url_with_user",
        "://[^/@ ]*@",
        strict=_pattern(
            r"(?<!\w)[a-z][a-z0-9+.-]*://[^\s/@:]+(?::[^\s/@]*)?@[^\s/?\#]+[^\s]*", re.IGNORECASE
        ),
    ),
    Kind(
        "email",
        "@",
        strict=_pattern(
            r"""(?<![\w.%+-])[a-z0-9](?:[a-z0-9._%+'-]{0,62}[a-z0-9_+-])?@
            (?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]{2,24}(?![\w-])""",
            re.IGNORECASE,
        ),
    ),
    Kind(
        "iban",
        r"[A-Za-z]{2}[0-9]{2}[ A-Za-z0-9-]{11}",
        strict=_pattern(
            r"(?<!\w)[a-z]{2}[0-9]{2}(?:[ -]?[a-z0-9]{4}){2,7}(?:[ -]?[a-z0-9]{1,3})?(?!\w)", re.IGNORECASE
        ),
        check=_is_iban,
        chance=0.01,
    ),
    Kind(
        "credit_card",
        "(?:[0-9][ -]?){12}",
        # Networks' first digits (ISO/IEC 7812): 3 travel, 4 and 5 banking, 6 merchandising; 2221 to 2720 for
        # Mastercard, 2131 and 1800 for older JCB.
        strict=_pattern(
            r"""(?<![\w.+])(?<!\d[ -])(?=[3-6]|2(?:2[2-9]|[3-6]|7[0-2]|131)|1800)
            [0-9](?:[ -]?[0-9]){11,18}(?!\w)(?!\.[0-9])(?![ -][0-9])"""
        ),
        loose=_pattern(r"(?<![\w.+])(?<!\d[ -])[0-9](?:[ -]?[0-9]){11,18}(?!\w)(?!\.[0-9])(?![ -][0-9])"),
        context=_words("cards?|visa|mastercard|amex|maestro|cc"),
        check=_is_card,
        chance=0.1,
    ),
    Kind(
        "us_ssn",
        "[0-9]{3}[- ]?[0-9]{2}[- ]?[0-9]{4}",
        strict=_pattern(r"(?<![\w.-])(?!000|666|9)[0-9]{3}-(?!00)[0-9]{2}-(?!0000)[0-9]{4}(?![\w-])"),
        loose=_pattern(r"(?<![\w.-])(?!000|666|9)[0-9]{3}[ ]?(?!00)[0-9]{2}[ ]?(?!0000)[0-9]{4}(?![\w-])"),
        context=_words("ssn|social security|soc sec|social"),
    ),
    Kind(
        "nhs_number",
        "[0-9]{3}[- ]?[0-9]{3}[- ]?[0-9]{4}",
        loose=_pattern(r"(?<![\w.-])[0-9]{3}[ -]?[0-9]{3}[ -]?[0-9]{4}(?![\w-])"),
        context=_words("nhs|national health"),
        check=_is_nhs,
        chance=1 / 11,
    ),
    Kind(
        "ip_address",
        r"[0-9]{1,3}(?:\.[0-9]{1,3}){3}|::|(?:[0-9A-Fa-f]{1,4}:){7}",
        strict=_pattern(
            r"""(?<![\w.:-])(?:(?:[0-9]{1,3}\.){3}[0-9]{1,3}(?![\w.-]|:[0-9a-f]*:)
            |(?=[0-9a-f]*:[0-9a-f]*:)[0-9a-f:]{3,39}(?![\w:]))""",
            re.IGNORECASE,
        ),
        check=_is_address,
    ),
    Kind(
        "mac_address",
        "[0-9A-Fa-f]{2}(?:[:-][0-9A-Fa-f]{2}){5}",
        strict=_pattern(
            r"(?<![\w:-])[0-9a-f]{2}([:-])(?:[0-9a-f]{2}\1){4}[0-9a-f]{2}(?![\w:-])", re.IGNORECASE
        ),
    ),
    Kind(
        "phone",
        rf"(?:^|[^\w.,+/=-])(?:{_PHONE_FORMS})(?:[^\w-]|$| ?x)",
        strict=re.compile(
            rf"{_PHONE_START}(?:{_PHONE_FORMS})(?: ?(?:x|ext\.?) ?[0-9]{{1,5}})?{_PHONE_END}",
            re.ASCII | re.IGNORECASE,
        ),
        loose=re.compile(
            rf"{_PHONE_START}\(?[0-9]{{2,4}}\)?(?:[ .-]?[0-9]{{2,4}}){{1,4}}{_PHONE_END}", re.ASCII
        ),
        context=_words(
            "phones?|telephone|tel|mobile|cell|cellphone|call|calling|fax|whatsapp|sms|dial|reach|contact"
        ),
        check=_is_phone,
    ),
)

# What columns are called, the most telling first: alternatives over lower-case words with single blanks
# between. NUMBER stands for an optional word for "number".
NAMED_KINDS = MappingProxyType(
    {
        "email": ["e ?mails?( addr(ess)?(es)?)?"],
        "ip_address": ["(client |remote |source |src |user |host )?ip( ?(addr|address|v4|v6))?"],
        "mac_address": ["mac ?(addr|address)", "mac"],
        "url_with_user": ["(connection|jdbc|database) (url|string|uri)"],
        "user_name": ["user ?names?", "login( name)?", "screen name", "twitter( handle)?"],
        "credit_card": [
            "(credit|debit|payment) ?cardNUMBER",
            "card (no|nr|num|number)",
            "cc ?(no|num|number)",
        ],
        "iban": ["(account )?iban", "bank accountNUMBER"],
        "us_ssn": ["ssn", "social sec(urity)?NUMBER", "soc secNUMBER"],
        "nhs_number": ["nhsNUMBER"],
        "passport": ["passportNUMBER"],
        "driver_licence": ["driver( ?s)? lic(en[cs]e)?NUMBER", "(licen[cs]e|dl) (no|num|number)"],
        "national_id": [
            "national (id|identity|insurance)NUMBER",
            "nino|bsn|cpf|dni|nif|tin",
            "(tax|personal) (id|no|number)",
        ],
        "phone": [
            "(tele)?phones?NUMBER",
            "((mobile|cell|contact|home|work) phone|tel|mobile|cell|fax)NUMBER",
            "msisdn",
        ],
        "date_of_birth": [
            "dob",
            "d o b",
            "birth ?days?",
            "(date|year) of birth",
            "birth ?(date|year|dt)",
            "born( on)?",
        ],
        "person_name": [
            "(first|last|middle|given|family|full|maiden|sur|fore|legal|birth|nick) ?names?",
            "(customer|patient|client|employee|person|contact|author|owner|holder|applicant|borrower) name",
            "name (first|last)|[fl]name",
            "vorname|nachname|prenom|apellidos?",
        ],
        "postcode": ["post(al)? ?codes?", "zip( ?code)?s?", "plz"],
        "address": [
            "(street|home|postal|mailing|billing|shipping|residential) ?address( ?[0-9])?",
            "address( ?line)?( ?[0-9])?|addr( ?[0-9])?",
            "street( (name|number|no))?",
        ],
        "location": [
            "lat(itude)?|lon(g|gitude)?|lng",
            "geo ?location",
            "gps( (coordinates|lat|lon|position))?",
        ],
        "credentials": [
            "pass ?(word|wd|phrase)|pwd|secret",
            "(api|secret) key",
            "(access|auth) token",
            "pin( code)?",
        ],
    }
)

_NUMBER = "( ?(no|nr|num|numbers?|id))?( ?[0-9])?"
_NAMED = {
    kind: re.compile(
        f"(.* )?({'|'.join(forms).replace('NUMBER', _NUMBER)})( (hash|hashed|masked|raw|clean|text|str))?"
    )
    for kind, forms in NAMED_KINDS.items()
}


_PERSONS = (
    "people|persons?|customers?|clients?|patients?|employees?|staff|users?|members?|students?|pupils?|contacts?|"
    "authors?|applicants?|borrowers?|donors?|citizens?|residents?|voters?|passengers?|players?|subscribers?"
)
_ABOUT_PERSONS = re.compile(rf"(.* )?({_PERSONS})")


def classify_name(name: str) -> str | None:
    """Return the kind of personal data that a column of this name is likely to hold, by its last words.

    A column that is just called ``name`` may hold that of a product; see `is_bare_name`.

    Examples
    --------
    >>> classify_name("customerEmail"), classify_name("DATE_OF_BIRTH"), classify_name("price")
    ('email', 'date_of_birth', None)
    """
    words = _name_words(name)
    return next((kind for kind, pattern in _NAMED.items() if pattern.fullmatch(words)), None)


def is_bare_name(name: str) -> bool:
    """Say whether a column is just called ``name``: of whom or what, the rest of the table says."""
    return _name_words(name) in ("name", "names")


def is_about_persons(name: str) -> bool:
    """Say whether the name of a dataset says that its rows are persons.

    Examples
    --------
    >>> is_about_persons("loan_applicants"), is_about_persons("products")
    (True, False)
    """
    return _ABOUT_PERSONS.fullmatch(_name_words(name)) is not None


def _name_words(name: str) -> str:
    """Return a name in lower-case words with single blanks between."""
    spaced = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", " ", name)
    return re.sub(r"[^0-9a-z]+", " ", spaced.lower()).strip()
