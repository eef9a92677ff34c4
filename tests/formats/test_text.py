"""Text files as UTF-8: compressions, encodings, byte order marks, and damage."""

from __future__ import annotations

import gzip
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from headwater.core.errors import InputError, UsageError
from headwater.formats.text import is_compressed, line_blocks, require_utf8, utf8_chunks

WORDS = "naïve Ω 漢字 🎉\n" * 400


def zstd(data: bytes) -> bytes:
    return bytes(pa.Codec("zstd").compress(data, asbytes=True))


def whole(path: Path, encoding: str | None = None, size: int = 1000) -> str:
    return b"".join(utf8_chunks(path, encoding, size=size)).decode()


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32"])
@pytest.mark.parametrize("pack", [bytes, gzip.compress, zstd])
def test_the_byte_order_mark_says_the_encoding_whatever_the_compression(
    tmp_path: Path, encoding: str, pack: object
) -> None:
    path = tmp_path / "words"
    path.write_bytes(pack(WORDS.encode(encoding)))  # type: ignore[operator]
    assert whole(path) == WORDS
    assert is_compressed(path) == (pack is not bytes)


@pytest.mark.parametrize(
    "encoding", ["latin-1", "cp1252", "utf-16-le", "utf-16-be", "utf-16", "utf-7", "shift_jis"]
)
def test_a_named_encoding_is_decoded_whatever_the_size_of_the_chunks(tmp_path: Path, encoding: str) -> None:
    words = "日本" * 500 if encoding in ("shift_jis", "utf-7") else "naïve\n" * 500
    path = tmp_path / "words"
    path.write_bytes(
        words.encode(encoding.replace("utf-16", "utf-16-le") if encoding == "utf-16" else encoding)
    )
    assert whole(path, encoding, size=7) == words


def test_several_compressed_members_are_read_as_one(tmp_path: Path) -> None:
    path = tmp_path / "words"
    for pack in (gzip.compress, zstd):
        path.write_bytes(pack(b"one\n") + pack(b"two\n"))
        assert whole(path) == "one\ntwo\n"


def test_text_in_another_encoding_names_line_and_byte(tmp_path: Path) -> None:
    path = tmp_path / "words.csv"
    path.write_bytes(b"a\nb\n\xe9\n")
    with pytest.raises(
        InputError, match=r"words.csv, line 3: byte 0xe9 is not ascii; .*--encoding"
    ) as caught:
        whole(path, "ascii", size=3)
    assert caught.value.line == 3
    path.write_bytes(b"a\nb")
    with pytest.raises(InputError, match="line 1"):
        whole(path, "utf-16-le")
    with pytest.raises(InputError, match=r"line 12: byte 0xe9 is not UTF-8.*--encoding latin-1"):
        require_utf8(b"ok\n\xc3\xa4\n\xe9", "x", line=10)


@pytest.mark.parametrize("encoding", ["klingon", "", "hex", "rot13", "idna"])
def test_an_unknown_encoding_is_a_wrong_request(tmp_path: Path, encoding: str) -> None:
    path = tmp_path / "words"
    path.write_bytes(b"a")
    with pytest.raises(UsageError, match=f"no encoding '{encoding}'"):
        whole(path, encoding)


@pytest.mark.parametrize("pack", [gzip.compress, zstd])
def test_damaged_and_cut_off_archives_say_so(tmp_path: Path, pack: object) -> None:
    packed = pack(bytes(range(256)) * 1000)  # type: ignore[operator]
    path = tmp_path / "words"
    middle = len(packed) // 2
    damaged = (
        [packed[:middle] + b"zzzzzzzz" + packed[middle + 8 :]] if pack is gzip.compress else []
    )  # has checksums
    for broken in (packed[:-6], *damaged):
        path.write_bytes(broken)
        with pytest.raises(InputError, match="compressed data"):
            list(utf8_chunks(path))


@given(st.lists(st.sampled_from([b"a", b"bc\n", b"\n", b"d\r\n"]), max_size=12), st.integers(1, 9))
def test_blocks_of_lines_give_the_text_back_and_number_their_lines(
    tmp_path_factory: pytest.TempPathFactory, parts: list[bytes], size: int
) -> None:
    path = tmp_path_factory.mktemp("lines") / "text"
    path.write_bytes(b"".join(parts))
    blocks = list(line_blocks(path, size=size))
    assert b"".join(data for _, data in blocks) == b"".join(parts)
    line = 1
    for first, data in blocks:
        assert first == line
        line += data.count(b"\n")
