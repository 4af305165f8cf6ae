"""Files from the web: only when the user allowed it, only over HTTP, of a bounded size, whole or not at all."""

import os
import re
import tempfile
import urllib.error
import urllib.request
from hashlib import blake2b
from http.client import HTTPException
from pathlib import Path
from urllib.parse import unquote, urlsplit

from core.errors import UserError

ALLOWED = "DRIFTLOOP_ALLOW_DOWNLOAD"  # environment: set by --allow-download, in this process and its children
LARGEST = 1 << 30  # bytes
SECONDS = 30  # without an answer
CHUNK = 1 << 16  # bytes read at once
FOLDER = "downloads"  # beside the settings that name an address


def is_address(text: str) -> bool:
    """Whether a text is an address of the web."""
    return urlsplit(text).scheme.lower() in ("http", "https") if "://" in text[:16] else False


def is_allowed() -> bool:
    """Whether the user allowed downloads."""
    return bool(os.environ.get(ALLOWED))


def downloaded(address: str, folder: Path, largest: int = LARGEST) -> Path:
    """The file that an address names, fetched once into `downloads` of a folder.

    Raises:
        UserError: if downloads are not allowed, or it is not to be had, or is too large.
    """
    if not is_address(address):
        raise UserError("this is no address of the web", where=address[:100], way_out="Write http:// or https://")
    if not is_allowed():
        raise UserError("this is an address", where=address[:100], way_out="Pass --allow-download, or give a file")
    path = folder / FOLDER / _file_name(address)
    if path.is_file():
        return path
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _fetch(address, path, largest)
    except (urllib.error.URLError, HTTPException, OSError, ValueError) as fault:
        reason = getattr(fault, "reason", None) or getattr(fault, "strerror", None) or fault
        raise UserError(f"cannot be downloaded ({reason})", where=address[:100]) from fault
    return path


def _fetch(address: str, path: Path, largest: int) -> None:
    """Reads the answer into a file beside its place, then gives it its name."""
    opener = urllib.request.OpenerDirector()
    for handler in (
        urllib.request.HTTPHandler,
        urllib.request.HTTPSHandler,
        urllib.request.HTTPRedirectHandler,
        urllib.request.HTTPErrorProcessor,
        urllib.request.HTTPDefaultErrorHandler,
    ):  # no files, no other protocols, wherever a redirect leads
        opener.add_handler(handler())
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=".")
    try:
        with os.fdopen(handle, "wb") as file, opener.open(address, timeout=SECONDS) as answer:
            size = 0
            while block := answer.read(CHUNK):
                size += len(block)
                if size > largest:
                    raise UserError(f"is larger than {largest >> 20} MB", where=address[:100])
                file.write(block)
        Path(temporary).replace(path)
    finally:
        Path(temporary).unlink(missing_ok=True)


def _file_name(address: str) -> str:
    """A name of its own for every address, with its ending."""
    last = Path(unquote(urlsplit(address).path)).name
    safe = re.sub(r"[^\w.-]", "_", last)[-60:].lstrip(".") or "file"
    return f"{blake2b(address.encode(), digest_size=6).hexdigest()}-{safe}"
