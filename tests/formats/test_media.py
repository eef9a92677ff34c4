"""What headers of images, sounds and videos say, and what is found wrong with them."""

from __future__ import annotations

import io
import struct
import wave
import zipfile
import zlib
from typing import Any

import numpy as np
import pytest

from headwater.formats.media import facts_of, fault_of, kind_of_bytes, kind_of_name

Image = pytest.importorskip("PIL.Image")
av = pytest.importorskip("av")


def image(format: str = "PNG", size: tuple[int, int] = (20, 10), mode: str = "RGB", **save: Any) -> bytes:
    out = io.BytesIO()
    noise = np.random.default_rng(1).integers(0, 256, (size[1], size[0], 3), np.uint8)
    Image.fromarray(noise).convert(mode).save(out, format, **save)
    return out.getvalue()


def sound(seconds: float = 0.5, rate: int = 8000, channels: int = 2) -> bytes:
    out = io.BytesIO()
    with wave.open(out, "wb") as file:
        file.setnchannels(channels)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(bytes(int(seconds * rate) * 2 * channels))
    return out.getvalue()


def encoded(format: str, codec: str, frames: int = 10) -> bytes:
    """Return a small video of 32 × 16 pixels at 10 frames a second."""
    out = io.BytesIO()
    with av.open(out, "w", format=format) as container:
        stream = container.add_stream(codec, rate=10)
        stream.width, stream.height, stream.pix_fmt = 32, 16, "yuv420p"
        for number in range(frames):
            array = np.full((16, 32, 3), number * 20, np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(array, format="rgb24")))
        container.mux(stream.encode())
    return out.getvalue()


def facts(data: bytes, name: str) -> dict[str, Any]:
    return facts_of(io.BytesIO(data), name)


def fault(data: bytes, name: str | None, **limits: int) -> tuple[str, str] | None:
    found = fault_of(io.BytesIO(data), name, **limits)
    return None if found is None else (found.kind, found.reason)


@pytest.mark.parametrize(
    ("format", "name"),
    [
        ("PNG", "a.png"),
        ("JPEG", "a.JPG"),
        ("GIF", "a.gif"),
        ("BMP", "a.bmp"),
        ("WEBP", "a.webp"),
        ("TIFF", "a.tif"),
        ("PPM", "a.ppm"),
        ("ICO", "x/a.ico"),
    ],
)
def test_images_say_format_size_and_mode(format: str, name: str) -> None:
    data = image(format, (16, 16) if format == "ICO" else (20, 10))
    said = facts(data, name)
    assert said["format"] == format.lower()
    assert (said["width"], said["height"]) == ((16, 16) if format == "ICO" else (20, 10))
    assert said["orientation"] is None
    assert fault(data, name) is None


@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP", "TIFF"])
def test_images_say_how_they_are_turned(format: str) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    assert facts(image(format, exif=exif), f"a.{format.lower()}")["orientation"] == 6
    exif[0x0112] = 77
    assert facts(image(format, exif=exif), f"a.{format.lower()}")["orientation"] is None


def test_sounds_say_duration_rate_and_channels() -> None:
    said = facts(sound(), "a.wav")
    assert said == {"format": "wav", "duration_s": 0.5, "sample_rate": 8000, "channels": 2}
    assert fault(sound(), "a.wav") is None
    assert fault(sound(), "a.mp3") == ("mistyped", "it is wav, not mp3")


@pytest.mark.parametrize(
    ("format", "codec"), [("mp4", "mpeg4"), ("matroska", "mpeg4"), ("avi", "mpeg4"), ("mov", "mpeg4")]
)
def test_videos_say_duration_size_and_rate(format: str, codec: str) -> None:
    data = encoded(format, codec)
    name = {"matroska": "a.mkv"}.get(format, f"a.{format}")
    said = facts(data, name)
    assert (said["width"], said["height"], said["frame_rate"]) == (32, 16, 10.0)
    assert said["duration_s"] == pytest.approx(1.0, abs=0.11)
    assert fault(data, name) is None


def test_what_is_cut_or_garbled_is_broken() -> None:
    for data, name in ((image("PNG"), "a.png"), (image("JPEG"), "a.jpg"), (encoded("mp4", "mpeg4"), "a.mp4")):
        found = fault(data[: len(data) // 2], name)
        assert found is not None, name
        assert found[0] == "broken"
    assert fault(b"", "a.png") == ("broken", "it is empty")
    assert fault(b"hello", "a.png") == ("broken", "it does not begin as png does")
    assert fault(b"\x89PNG\r\n\x1a\n" + bytes(100), "a.png") is not None
    assert facts(b"\x89PNG\r\n\x1a\n" + bytes(100), "a.png") == {}
    assert facts(b"RIFF\0\0\0\0WAVE", "a.wav") == {}


def test_what_has_another_name_is_mistyped() -> None:
    assert fault(image("JPEG"), "a.png") == ("mistyped", "it is jpeg, not png")
    assert fault(image("JPEG"), "a.jpeg") is None
    assert fault(image("JPEG"), None) is None
    assert fault(image("PNG"), "no-ending") is None
    assert facts(image("JPEG"), "a.png")["format"] == "jpeg"


def test_what_is_no_media_is_left_alone() -> None:
    assert fault(b"hello", "a.txt") is None
    assert fault(b"hello", None) is None
    assert facts(image(), "a.txt") == {}
    assert kind_of_bytes(b"\xff\xfe\x00") is None
    assert kind_of_name(".png") is None
    assert kind_of_name("a.b/c") is None


def test_images_of_many_pixels_are_told_by_their_header() -> None:
    # The header alone promises 2 gigapixels.
    header = struct.pack(">IIBBBBB", 50_000, 40_000, 8, 2, 0, 0, 0)
    chunk = b"IHDR" + header
    bomb = b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + chunk + struct.pack(">I", zlib.crc32(chunk))
    bomb += struct.pack(">I", 0) + b"IDAT" + struct.pack(">I", zlib.crc32(b"IDAT"))
    assert fault(bomb, "a.png") == ("oversized", "it has 50,000 × 40,000 pixels")
    assert facts(bomb, "a.png")["width"] == 50_000
    assert fault(image(), "a.png", max_pixels=199) == ("oversized", "it has 20 × 10 pixels")
    assert fault(encoded("mp4", "mpeg4"), "a.mp4", max_pixels=100) == (
        "oversized",
        "its frames have 32 × 16 pixels",
    )


def test_archives_are_told_by_what_they_unpack_to() -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("zeros", bytes(1 << 20))
    data = out.getvalue()
    assert fault(data, "a.zip") is None
    assert fault(data, "a.zip", max_unpacked=1 << 19) == ("oversized", "it unpacks to 1,048,576 bytes")
    assert fault(data[:-30], "a.npz") is not None
    broken = bytearray(data)
    broken[60] ^= 0xFF
    found = fault(bytes(broken), "a.docx")
    assert found is not None
    assert found[0] == "broken"


def test_moving_images_are_decoded_within_the_limit() -> None:
    frames = [Image.fromarray(np.full((10, 10), n * 20, np.uint8)) for n in range(4)]
    out = io.BytesIO()
    frames[0].save(out, "GIF", save_all=True, append_images=frames[1:])
    assert fault(out.getvalue(), "a.gif") is None
    assert fault(out.getvalue(), "a.gif", max_pixels=150) is None
