"""Pictures that carry a text saying how they were made: written and read as PNG, JPEG or WebP."""

import io
from collections.abc import Mapping
from pathlib import Path
from typing import BinaryIO

import PIL.Image
from PIL.ExifTags import IFD, Base

from core.errors import MediaError, UnknownName
from core.image import LARGEST_SIDE, Image, Rgba, opaque
from media.atomic import replacing
from media.infotext import from_novelai
from media.read import FORMATS, UNREADABLE
from media.stills import NO_TEXT, png

PARAMETERS = "parameters"  # keyword of the infotext in a PNG
SUFFIXES: Mapping[str, str] = {".png": "PNG", ".jpg": "JPEG", ".jpeg": "JPEG", ".webp": "WEBP"}
QUALITY = 90  # of JPEG and WebP, 1..100
UNICODE, ASCII = b"UNICODE\0", b"ASCII\0\0\0"  # how an EXIF user comment says what letters follow
LONGEST_EXIF = 65_000  # bytes
WHITE = (255, 255, 255)


def write_picture(
    path: Path, image: Image | Rgba, infotext: str = "", *, text: Mapping[str, str] = NO_TEXT, quality: int = QUALITY
) -> None:
    """Writes a picture with its infotext, whole or not at all; a file of that name is replaced.

    Args:
        path: in a folder that exists; its ending says the format.
        image: uint8, H x W x 3, RGB, or x 4 with its opacity; a JPEG has none and shows white.
        infotext: how it was made; empty for none.
        text: further texts by keyword; PNG only.
        quality: of JPEG and WebP, 1..100.

    Raises:
        MediaError: if it cannot be written.
        UnknownName: for an unknown ending.
    """
    data = encoded(image, picture_format(path), infotext, text=text, quality=quality)
    with replacing(path) as temporary:
        temporary.write_bytes(data)


def picture_format(path: Path) -> str:
    """The format a file's ending stands for.

    Raises:
        UnknownName: if none.
    """
    if path.suffix.lower() not in SUFFIXES:
        raise UnknownName("picture format", path.suffix, tuple(SUFFIXES), where=str(path))
    return SUFFIXES[path.suffix.lower()]


def encoded(
    image: Image | Rgba, kind: str, infotext: str = "", *, text: Mapping[str, str] = NO_TEXT, quality: int = QUALITY
) -> bytes:
    """The bytes of a picture file of one of the formats in SUFFIXES; see `write_picture`."""
    if kind == "PNG":
        return png(image, {PARAMETERS: infotext, **text} if infotext else text)
    exif = PIL.Image.Exif()
    if infotext:
        exif.get_ifd(IFD.Exif)[Base.UserComment] = UNICODE + infotext.encode("utf-16-be", "replace")
    data = exif.tobytes() if infotext else b""
    if len(data) > LONGEST_EXIF:
        raise MediaError(
            f"an infotext of {len(infotext)} characters does not fit into {kind}", way_out="Write a PNG, or less prompt"
        )
    file = io.BytesIO()
    picture = opaque(image, WHITE) if kind == "JPEG" else image
    PIL.Image.fromarray(picture).save(file, kind, quality=quality, exif=data)
    return file.getvalue()


def infotext_in(source: Path | BinaryIO) -> str:
    """The infotext in a picture file; empty if there is none. The picture itself is not decoded.

    Read are PNG text, the EXIF user comment, a GIF's comment, and what NovelAI writes.

    Raises:
        MediaError: if the file is missing, no picture, or damaged.
    """
    where = str(source) if isinstance(source, Path) else "picture"
    try:
        with PIL.Image.open(source, formats=FORMATS) as picture:
            if max(picture.size) > LARGEST_SIDE:
                raise MediaError(f"{picture.width}x{picture.height} is too large", where=where)
            return _text_of(picture)
    except UNREADABLE as fault:
        reason = getattr(fault, "strerror", None) or fault
        raise MediaError(f"cannot be read as a picture ({reason})", where=where) from fault


def _text_of(picture: PIL.Image.Image) -> str:
    """The infotext of an open picture."""
    info = picture.info
    if info.get("Software") == "NovelAI":
        found = from_novelai(str(info.get("Description", "")), str(info.get("Comment", "")), picture.size)
        if found:
            return str(found)
    if isinstance(info.get(PARAMETERS), str):
        return str(info[PARAMETERS])
    comment = picture.getexif().get_ifd(IFD.Exif).get(Base.UserComment)
    if comment:
        return user_comment(comment)
    return _decoded(info["comment"]) if "comment" in info else ""


def user_comment(value: bytes | str) -> str:
    """The text of an EXIF user comment, in whichever of the usual ways it was written."""
    if isinstance(value, str):
        return value.removeprefix("UNICODE\0").removeprefix("ASCII\0\0\0").strip("\0")
    if value.startswith(UNICODE):
        return _wide(value.removeprefix(UNICODE))
    return _decoded(value.removeprefix(ASCII).removeprefix(b"\0" * 8))


def _wide(data: bytes) -> str:
    """UTF-16 of either byte order, told by its mark or by where the zeros of plain letters are; else UTF-8."""
    if data.startswith((b"\xfe\xff", b"\xff\xfe")):
        return data.decode("utf-16", "replace")
    zeros = data[:2000:2].count(0), data[1:2000:2].count(0)
    if zeros == (0, 0) and _is_utf8(data):
        return data.decode("utf-8")
    return data.decode("utf-16-le" if zeros[1] > zeros[0] else "utf-16-be", "replace")


def _is_utf8(data: bytes) -> bool:
    try:
        data.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def _decoded(data: bytes | str) -> str:
    """Text in UTF-8, or else in Latin letters."""
    if isinstance(data, str):
        return data
    return data.decode("utf-8" if _is_utf8(data) else "latin-1").strip("\0")
