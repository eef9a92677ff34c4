"""What the header of an image, sound or video says, and whether all of it can be decoded.

Images are read by Pillow, sounds and videos by PyAV (FFmpeg), of the extra ``media``. Nothing here decodes more
than it is allowed to: an image of many pixels, or an archive that unpacks to much, is told by its header.
"""

from __future__ import annotations

import struct
import zipfile
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from typing import Any, BinaryIO, Literal

import pyarrow as pa

from headwater.core.extras import require

__all__ = [
    "FACTS",
    "IMAGE_SUFFIXES",
    "MAX_PIXELS",
    "SOUND_SUFFIXES",
    "VIDEO_SUFFIXES",
    "Fault",
    "can_read_facts",
    "facts_of",
    "fault_of",
    "kind_of_bytes",
    "kind_of_name",
    "kind_of_suffix",
    "suffix_of",
    "suffixes_of",
]

Kind = Literal["image", "sound", "video", "archive"]

MAX_PIXELS = 100_000_000
"""More than any camera takes; 400 MB once decoded."""
MAX_UNPACKED = 4 << 30
HEAD_BYTES = 64
_READ_BYTES = 1 << 20

IMAGE_SUFFIXES = frozenset(
    (".png", ".jpg", ".jpeg", ".jfif", ".gif", ".bmp", ".webp", ".tif", ".tiff", ".ppm", ".pgm", ".ico")
)
SOUND_SUFFIXES = frozenset(
    (".wav", ".flac", ".mp3", ".ogg", ".oga", ".opus", ".m4a", ".aac", ".aif", ".aiff")
)
VIDEO_SUFFIXES = frozenset((".mp4", ".m4v", ".mov", ".mkv", ".webm", ".avi", ".mpg", ".mpeg"))
_ARCHIVE_SUFFIXES = frozenset((".zip", ".npz", ".docx", ".xlsx", ".pptx", ".epub", ".jar"))

FACTS: dict[Kind, dict[str, pa.DataType]] = {
    "image": {
        "format": pa.string(),
        "width": pa.int32(),
        "height": pa.int32(),
        "mode": pa.string(),
        "orientation": pa.int8(),
    },
    "sound": {
        "format": pa.string(),
        "duration_s": pa.float64(),
        "sample_rate": pa.int32(),
        "channels": pa.int16(),
    },
    "video": {
        "format": pa.string(),
        "width": pa.int32(),
        "height": pa.int32(),
        "duration_s": pa.float64(),
        "frame_rate": pa.float64(),
        "sample_rate": pa.int32(),
        "channels": pa.int16(),
    },
    "archive": {},
}
"""The columns that files of a kind have facts for; ``orientation`` is that of EXIF, 1 to 8."""

_IMAGES = {
    "PNG": (b"\x89PNG\r\n\x1a\n",),
    "JPEG": (b"\xff\xd8\xff",),
    "GIF": (b"GIF87a", b"GIF89a"),
    "BMP": (b"BM",),
    "TIFF": (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"),
    "PPM": (b"P5", b"P6", b"P4"),
    "ICO": (b"\0\0\1\0",),
}
_SAME = {".jpg": "jpeg", ".jpeg": "jpeg", ".jfif": "jpeg", ".tif": "tiff", ".pgm": "ppm", ".m4v": "mp4"}
_FAMILIES = (
    # Endings that go with any of these containers.
    ({"mp4", "mov", "m4a", "m4v"}, {"mp4", "mov", "m4a", "m4v"}),
    ({"mkv", "webm"}, {"mkv", "webm"}),
    ({"ogg", "oga", "opus"}, {"ogg"}),
    ({"aif", "aiff"}, {"aiff"}),
    ({"mpg", "mpeg"}, {"mpeg"}),
)
_ORIENTATION = 0x0112


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong with a file: it is broken, of another type than its name says, or too large once decoded."""

    kind: Literal["broken", "mistyped", "oversized"]
    reason: str


def kind_of_name(name: str) -> Kind | None:
    """Return the kind that the ending of a file's name says; None if it says none of these."""
    return kind_of_suffix(suffix_of(name))


def kind_of_suffix(suffix: str) -> Kind | None:
    """Return the kind that the ending of a name says, given as `suffix_of` gives it; None for all others."""
    if suffix in IMAGE_SUFFIXES:
        return "image"
    if suffix in SOUND_SUFFIXES:
        return "sound"
    if suffix in VIDEO_SUFFIXES:
        return "video"
    return "archive" if suffix in _ARCHIVE_SUFFIXES else None


def kind_of_bytes(head: bytes) -> tuple[Kind, str] | None:
    """Return the kind and format that a file is by its first `HEAD_BYTES` bytes; None if they do not tell."""
    for name, marks in _IMAGES.items():
        if head.startswith(marks):
            return ("image", name.lower()) if name != "PPM" or head[2:3].isspace() else None
    if head[:4] in (b"RIFF", b"RF64") and len(head) >= 12:
        found: dict[bytes, tuple[Kind, str]] = {
            b"WEBP": ("image", "webp"),
            b"WAVE": ("sound", "wav"),
            b"AVI ": ("video", "avi"),
        }
        return found.get(head[8:12])
    if head[4:8] == b"ftyp":
        brand = head[8:12]
        if brand[:3] == b"M4A" or brand[:3] == b"M4B":
            return "sound", "m4a"
        return ("video", "mov") if brand == b"qt  " else ("video", "mp4")
    for mark, kind, name in _SOUNDS_AND_VIDEOS:
        if head.startswith(mark):
            return kind, name
    if head[:4] == b"FORM" and head[8:12] in (b"AIFF", b"AIFC"):
        return "sound", "aiff"
    return ("sound", "mp3") if _is_mpeg_audio(head) else None


_SOUNDS_AND_VIDEOS: tuple[tuple[bytes, Kind, str], ...] = (
    (b"fLaC", "sound", "flac"),
    (b"OggS", "sound", "ogg"),
    (b"ID3", "sound", "mp3"),
    (b"\xff\xf1", "sound", "aac"),
    (b"\xff\xf9", "sound", "aac"),
    (b"\x1a\x45\xdf\xa3", "video", "mkv"),
    (b"\0\0\1\xba", "video", "mpeg"),
    (b"\0\0\1\xb3", "video", "mpeg"),
    (b"PK\3\4", "archive", "zip"),
)


def _is_mpeg_audio(head: bytes) -> bool:
    """Say whether a file begins with the header of an MPEG audio frame whose fields all have a meaning."""
    if len(head) < 4 or head[0] != 0xFF or head[1] & 0xE0 != 0xE0:
        return False
    version, layer, rate, frequency = head[1] & 0x18, head[1] & 0x06, head[2] >> 4, head[2] & 0x0C
    return version != 0x08 and layer != 0 and rate not in (0, 15) and frequency != 0x0C


def suffix_of(path: str) -> str:
    """Return the ending of the name at the end of a path, in small letters with its dot; empty if it has none."""
    stem, dot, suffix = path.rpartition(".")
    if not dot or not stem or stem[-1] == "/" or "/" in suffix:
        return ""
    return f".{suffix.lower()}"


def suffixes_of(paths: Sequence[str]) -> list[str]:
    """Return `suffix_of` each of many paths, none of which names a hidden file."""
    tails = [path[path.rfind(".") :] for path in paths]
    suffixes = {tail: suffix_of(path) for tail, path in dict(zip(tails, paths, strict=True)).items()}
    return [suffixes[tail] for tail in tails]


def can_read_facts() -> bool:
    """Say whether the packages that read headers are installed."""
    return find_spec("PIL") is not None and find_spec("av") is not None


def facts_of(file: BinaryIO, name: str) -> dict[str, Any]:
    """Return what the header of a file says; nothing of what is broken or unknown.

    Parameters
    ----------
    file : file-like
        The file, at its start; it can seek.
    name : str
        Its name; the ending says which files are looked into.

    Returns
    -------
    dict
        Values by the names of `FACTS`.

    Raises
    ------
    NotInstalled
        If the extra ``media`` is not installed.
    """
    if kind_of_name(name) in (None, "archive"):
        return {}
    found = kind_of_bytes(_head(file))
    if found is None or found[0] == "archive":
        return {}
    try:
        if found[0] == "image":
            with _image(file, found[1]) as image:
                return _image_facts(image, found[1])
        return _stream_facts(file, found[1])
    except _broken():
        return {}


def fault_of(
    file: BinaryIO, name: str | None, *, max_pixels: int = MAX_PIXELS, max_unpacked: int = MAX_UNPACKED
) -> Fault | None:
    """Decode a file and return what is wrong with it; None if all is well, or it is no media.

    Parameters
    ----------
    file : file-like
        The file, at its start; it can seek.
    name : str, optional
        Its name, to compare the ending with the content.
    max_pixels : int
        The most pixels of an image, or of one frame of a video, that are decoded.
    max_unpacked : int
        The most bytes that a zip archive may unpack to.

    Returns
    -------
    Fault or None

    Raises
    ------
    NotInstalled
        If the extra ``media`` is not installed.
    """
    head = _head(file)
    found = kind_of_bytes(head)
    named = None if name is None else kind_of_name(name)
    if found is None:
        if named is None:
            return None
        return Fault("broken", "it is empty" if not head else f"it does not begin as {_shown(name)} does")
    if named is not None and not _goes_with(suffix_of(str(name)), found[1]):
        return Fault("mistyped", f"it is {found[1]}, not {_shown(name)}")
    if named is None and name is not None and found[0] != "image":
        return None
    try:
        if found[0] == "image":
            return _image_fault(file, found[1], max_pixels)
        if found[0] == "archive":
            return _archive_fault(file, max_unpacked)
        return _stream_fault(file, max_pixels)
    except _broken() as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        return Fault("broken", reason[:200])


def _head(file: BinaryIO) -> bytes:
    head = file.read(HEAD_BYTES)
    file.seek(0)
    return head


def _image(file: BinaryIO, format: str) -> Any:
    """Open an image without reading its pixels; the number of pixels is for the caller to judge."""
    pillow = require("PIL.Image", extra="media", purpose="reading images")
    pillow.init()
    kind = {"ico": "ICO"}.get(format, format.upper())
    make, _ = pillow.OPEN[kind]
    return make(file, "")


def _image_facts(image: Any, format: str) -> dict[str, Any]:
    width, height = image.size
    return {
        "format": format,
        "width": width,
        "height": height,
        "mode": image.mode,
        "orientation": _orientation(image),
    }


def _orientation(image: Any) -> int | None:
    """Return the EXIF orientation as far as the header holds it: `getexif` of Pillow may read the pixels."""
    raw = image.info.get("exif")
    if hasattr(image, "tag_v2"):
        value = image.tag_v2.get(_ORIENTATION)
    elif raw:
        exif = require("PIL.Image", extra="media", purpose="reading images").Exif()
        exif.load(raw)
        value = exif.get(_ORIENTATION)
    else:
        value = None
    return int(value) if isinstance(value, int) and 1 <= value <= 8 else None


def _image_fault(file: BinaryIO, format: str, max_pixels: int) -> Fault | None:
    with _image(file, format) as image:
        width, height = image.size
        left = max_pixels - width * height
        if left < 0:
            return Fault("oversized", f"it has {width:,} × {height:,} pixels")
        image.load()
        for frame in range(1, getattr(image, "n_frames", 1)):
            left -= width * height
            if left < 0:
                break
            image.seek(frame)
            image.load()
    return None


def _stream_facts(file: BinaryIO, format: str) -> dict[str, Any]:
    av = require("av", extra="media", purpose="reading sounds and videos")
    with av.open(file, mode="r") as container:
        video = next((s for s in container.streams.video if not _is_cover(s)), None)
        audio = next(iter(container.streams.audio), None)
        main = video or audio
        seconds: float | None = None
        if main is not None and main.duration is not None and main.time_base is not None:
            seconds = float(main.duration * main.time_base)
        elif container.duration is not None:
            seconds = container.duration / av.time_base
        facts: dict[str, Any] = {"format": format, "duration_s": seconds}
        if audio is not None:
            facts |= {
                "sample_rate": audio.codec_context.sample_rate,
                "channels": audio.codec_context.channels,
            }
        if video is not None:
            rate = video.average_rate
            facts |= {
                "width": video.codec_context.width,
                "height": video.codec_context.height,
                "frame_rate": None if rate is None else float(rate),
            }
        return facts


def _stream_fault(file: BinaryIO, max_pixels: int) -> Fault | None:
    av = require("av", extra="media", purpose="reading sounds and videos")
    with av.open(file, mode="r") as container:
        streams = [s for s in container.streams if s.type in ("audio", "video") and not _is_cover(s)]
        if not streams:
            return Fault("broken", "there is neither sound nor picture in it")
        for stream in streams:
            if stream.type == "video":
                width, height = stream.codec_context.width, stream.codec_context.height
                if width * height > max_pixels:
                    return Fault("oversized", f"its frames have {width:,} × {height:,} pixels")
        frames = sum(1 for packet in container.demux(streams) for _ in packet.decode())
    return None if frames else Fault("broken", "nothing in it can be decoded")


def _is_cover(stream: Any) -> bool:
    """Say whether a stream of pictures is the cover of a record."""
    return stream.type == "video" and bool(stream.disposition & stream.disposition.attached_pic)


def _archive_fault(file: BinaryIO, max_unpacked: int) -> Fault | None:
    with zipfile.ZipFile(file) as archive:
        members = archive.infolist()
        total = sum(member.file_size for member in members)
        if total > max_unpacked:
            return Fault("oversized", f"it unpacks to {total:,} bytes")
        for member in members:
            if member.flag_bits & 1:
                continue
            with archive.open(member) as inner:
                while inner.read(_READ_BYTES):
                    pass
    return None


@cache
def _broken() -> tuple[type[BaseException], ...]:
    """Return what the libraries raise for files that are not what they should be."""
    kinds: tuple[type[BaseException], ...] = (
        OSError,
        ValueError,
        SyntaxError,
        EOFError,
        IndexError,
        KeyError,
        TypeError,
        OverflowError,
        NotImplementedError,
        RuntimeError,
        MemoryError,
        zipfile.BadZipFile,
        struct.error,
        zlib.error,
    )
    if find_spec("av") is not None:
        av = require("av", extra="media", purpose="reading sounds and videos")
        kinds = (*kinds, av.FFmpegError)
    return kinds


def _goes_with(suffix: str, format: str) -> bool:
    named = _SAME.get(suffix, suffix.removeprefix("."))
    if named == format or (format == "zip" and suffix in _ARCHIVE_SUFFIXES):
        return True
    return any(named in names and format in formats for names, formats in _FAMILIES)


def _shown(name: str | None) -> str:
    return suffix_of(name or "").removeprefix(".")
