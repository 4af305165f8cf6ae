"""PNG files: written fast, atomically and with text in them; their text read back."""

import struct
import zlib
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

import numpy as np
import PIL.Image
from isal import isal_zlib
from numpy.typing import NDArray

from core.errors import MediaError
from core.image import Image, Rgba
from media.atomic import replacing

LEVEL = 2  # of 0..3: a fifth of the time of zlib's level 1, and as small
LONGEST_KEYWORD = 79  # bytes
NO_TEXT: Mapping[str, str] = MappingProxyType({})
_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_GRAY, _RGB, _RGBA = 0, 2, 6  # colour types
_UP = 2  # row filter: difference to the row above


def write_png(path: Path, image: Image | Rgba, text: Mapping[str, str] = NO_TEXT, level: int = LEVEL) -> None:
    """Writes a picture, lossless, whole or not at all.

    Args:
        path: in a folder that exists; a file of that name is replaced.
        image: uint8, H x W x 3, RGB, or x 4 with its opacity.
        text: put into the file by keyword (1..79 ASCII characters); read back by `read_png_text`.
        level: compression, 0 (fastest) to 3 (smallest).

    Raises:
        MediaError: if the file cannot be written, or a text cannot be put into a PNG.
    """
    with replacing(path) as temporary:
        temporary.write_bytes(png(image, text, level))


def png(image: Image | Rgba, text: Mapping[str, str] = NO_TEXT, level: int = LEVEL) -> bytes:
    """The bytes of a PNG file; see `write_png`."""
    rows = image.reshape(image.shape[0], -1)
    return _png(rows, (image.shape[1], image.shape[0], 8, _RGB if image.shape[2] == 3 else _RGBA), text, level)


def write_png16(path: Path, values: NDArray[np.uint16], text: Mapping[str, str] = NO_TEXT, level: int = LEVEL) -> None:
    """Writes one channel of 16 bits, as for depth; see `write_png`.

    Args:
        path: as there.
        values: uint16, H x W.
        text: as there.
        level: as there.

    Raises:
        MediaError: as there.
    """
    rows = values.astype(">u2").view(np.uint8)
    with replacing(path) as temporary:
        temporary.write_bytes(_png(rows, (values.shape[1], values.shape[0], 16, _GRAY), text, level))


def read_png_text(path: Path) -> dict[str, str]:
    """The texts in a PNG file by keyword; compressed ones too. Nothing but text and size is decoded.

    Raises:
        MediaError: if the file is no PNG, is damaged before its picture, or its text is too long.
    """
    try:
        with PIL.Image.open(path, formats=["PNG"]) as picture:
            return {str(key): value for key, value in picture.info.items() if isinstance(value, str)}
    except (OSError, ValueError, SyntaxError, PIL.Image.DecompressionBombError) as fault:
        reason = getattr(fault, "strerror", None) or fault
        raise MediaError(f"cannot be read as PNG ({reason})", where=str(path)) from fault


def _png(rows: NDArray[np.uint8], header: tuple[int, int, int, int], text: Mapping[str, str], level: int) -> bytes:
    """A PNG file's bytes.

    Source: PNG Specification, third edition (W3C, 2025).

    Args:
        rows: uint8, height x bytes of a row.
        header: width, height, bits a channel, colour type.
        text: see `write_png`.
        level: see `write_png`.
    """
    filtered = np.empty((rows.shape[0], 1 + rows.shape[1]), np.uint8)
    filtered[:, 0] = _UP
    filtered[0, 1:] = rows[0]
    np.subtract(rows[1:], rows[:-1], out=filtered[1:, 1:])
    chunks = [
        _chunk(b"IHDR", struct.pack(">IIBBBBB", *header, 0, 0, 0)),
        _chunk(b"sRGB", b"\0"),
        *(_text_chunk(keyword, value) for keyword, value in text.items()),
        _chunk(b"IDAT", isal_zlib.compress(filtered, level)),
        _chunk(b"IEND", b""),
    ]
    return _SIGNATURE + b"".join(chunks)


def _chunk(kind: bytes, data: bytes) -> bytes:
    return b"".join((struct.pack(">I", len(data)), kind, data, struct.pack(">I", zlib.crc32(data, zlib.crc32(kind)))))


def _text_chunk(keyword: str, text: str) -> bytes:
    """Latin text plain, as every reader knows it; other text as UTF-8."""
    if not (
        keyword.isascii() and keyword.isprintable() and 0 < len(keyword.strip()) == len(keyword) <= LONGEST_KEYWORD
    ):
        raise MediaError(f"{keyword[:LONGEST_KEYWORD]!r} cannot be the keyword of a text in a PNG")
    if "\0" in text:
        raise MediaError(f"the text {keyword!r} has a zero character in it, which no PNG can hold")
    key = keyword.encode()
    try:
        return _chunk(b"tEXt", key + b"\0" + text.encode("latin-1"))
    except UnicodeEncodeError:
        return _chunk(b"iTXt", key + b"\0\0\0\0\0" + text.encode())
