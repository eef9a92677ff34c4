"""Each kind of personal data matches what has its form, and not what only looks like it."""

from __future__ import annotations

import pyarrow as pa
import pytest

from headwater.methods.pii import find_spans
from headwater.methods.pii_kinds import KINDS, NAMED_KINDS, classify_name

FINDS = {
    "email": ["ann.o'neill+x@mail.example.co.uk", "a@b.de", "Jürgen <j_m@firma.example.com>"],
    "url_with_user": ["ftp://ann:secret@host/path", "postgres://ann@db.example.com:5432/shop"],
    "credit_card": [
        "4111 1111 1111 1111",
        "3782-822463-10005",
        "card 630427373398.",
        "(5555555555554444)",
        "my cc is 060426070011",
    ],
    "iban": ["GB82 WEST 1234 5698 7654 32", "de89370400440532013000", "NO93 8601 1117 947"],
    "us_ssn": ["078-05-1120", "SSN: 078 05 1120", "social security number 078051120"],
    "nhs_number": ["NHS no. 943 476 5919", "nhs: 9434765919"],
    "ip_address": [
        "83.12.4.250",
        "2001:db8::8a2e:370:7334",
        "from 10.0.0.1:8080",
        "2001:0db8:85a3:0000:0000:8a2e:0370:7334",
    ],
    "mac_address": ["00:1A:2b:3c:4D:5e", "00-1A-2B-3C-4D-5E"],
    "phone": [
        *(
            "+44 20 7946 0958",
            "+1 (212) 555-0123",
            "(212) 555-0123",
            "212.555.0123 ext. 12",
            "310/246-1501",
            "+4915112345678",
        ),
        *(
            "01.84.17.61.18",
            "0961-7596216",
            "(72) 754-186",
            "call me: 451 5986",
            "Tel 9472 7916",
            "mobile 5551234567",
        ),
    ],
}

LEAVES = {
    "email": ["@ann", "a@b", "version@2.0", "x@y.1"],
    "url_with_user": ["http://example.com/@ann", "https://example.com/a@b"],
    "credit_card": [
        "4111 1111 1111 1112",
        "9111111111111111",
        "3.14159265358979323",
        "0000000000000000",
        "41111111111111111111111",
    ],
    "iban": ["GB83 WEST 1234 5698 7654 32", "XX82WEST12345698765432", "AB12 ordinary words here"],
    "us_ssn": ["000-12-3456", "666-12-3456", "900-12-3456", "123-00-4567", "078051120", "1078-05-1120"],
    "nhs_number": ["943 476 5919", "NHS 943 476 5918"],
    "ip_address": ["1.2.3", "256.1.1.1", "1.2.3.4.5", "12:30:45", "std::vector", "127.0.0.1", "v1.2.3.4-rc"],
    "mac_address": ["00:1A:2b:3c:4D", "00:1A-2b:3c:4D:5e", "00:1A:2b:3c:4D:5e:6f"],
    "phone": [
        *("2026-11-23", "call on 23.11.2026", "1,234,567.89", "12:30:45", "978-3-16-148410-0", "1234567890"),
        *("550e8400-e29b-41d4-a716-446655440000", "451 5986", "call 555", "tel 1999"),
    ],
}


@pytest.mark.parametrize(("kind", "text"), [(kind, text) for kind, texts in FINDS.items() for text in texts])
def test_values_are_found(kind: str, text: str) -> None:
    assert find_spans(pa.array([text]))["kind"].to_pylist() == [kind]


@pytest.mark.parametrize(("kind", "text"), [(kind, text) for kind, texts in LEAVES.items() for text in texts])
def test_lookalikes_are_left_alone(kind: str, text: str) -> None:
    assert kind not in find_spans(pa.array([text]))["kind"].to_pylist()


def test_every_kind_has_examples_and_a_name() -> None:
    assert set(FINDS) == set(LEAVES) == {kind.id for kind in KINDS}
    assert set(NAMED_KINDS) >= {kind.id for kind in KINDS}


NAMES = {
    "email": ["email", "E-Mail Address", "customerEmail", "user_email_hash"],
    "phone": ["phone", "mobile_no", "PhoneNumber", "homePhone2", "contact phone"],
    "person_name": ["first_name", "Surname", "customer_name", "lname"],
    "date_of_birth": ["DOB", "birth_date", "patient date of birth"],
    "us_ssn": ["ssn", "soc_sec_id"],
    "passport": ["passportNo"],
    "nhs_number": ["NHSNumber"],
    "ip_address": ["client_ip", "IPAddress"],
    "postcode": ["zip", "ZipCode"],
    "address": ["address_2", "street", "billing address"],
    "iban": ["iban"],
    "credit_card": ["cc_number", "credit_card"],
    "credentials": ["password_hash"],
    "user_name": ["userName"],
    None: [
        *(
            "name",
            "product_name",
            "price",
            "tip",
            "street_type",
            "flat",
            "platitude",
            "company",
            "description",
            "",
        ),
        *(
            "model_number",
            "machine",
            "email_opened",
            "education-num",
            "capital-gain",
            "number",
            "id",
            "excellent",
        ),
    ],
}


@pytest.mark.parametrize(("name", "kind"), [(name, kind) for kind, names in NAMES.items() for name in names])
def test_columns_are_told_by_their_names(name: str, kind: str | None) -> None:
    assert classify_name(name) == kind
