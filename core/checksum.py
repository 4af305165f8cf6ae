"""Checksums of model files, remembered so that a file of gigabytes is read once and not at every start."""

import hashlib
import json
import os
import tempfile
from collections.abc import Iterable
from pathlib import Path

REMEMBERED = "checksums.json"
WORTH_IT = 1 << 20  # bytes; smaller files are read each time
LEGACY_START, LEGACY_LENGTH = 1 << 20, 1 << 16  # bytes


def checksum(files: Iterable[Path]) -> str:
    """SHA-256 in 64 hex digits: of the one file, as the web UI computes it, or of all their checksums in order."""
    found = [_of_file(path) for path in files]
    return found[0] if len(found) == 1 else hashlib.sha256(" ".join(found).encode()).hexdigest()


def known_checksum(path: Path) -> str | None:
    """What `checksum` gives for one large file if that is remembered; reads nothing of the file."""
    return _remembered(_cache_folder() / REMEMBERED).get(_key(path))


def legacy_hash(path: Path) -> str:
    """The web UI's old hash, 8 hex digits: SHA-256 of 64 kB at 1 MB."""
    with path.open("rb") as file:
        file.seek(LEGACY_START)
        return hashlib.sha256(file.read(LEGACY_LENGTH)).hexdigest()[:8]


def _key(path: Path) -> str:
    """What a checksum is remembered by: a file changes with its size or its time."""
    status = path.stat()
    return f"{path.resolve()}|{status.st_size}|{status.st_mtime_ns}"


def _of_file(path: Path) -> str:
    """A file's SHA-256; that of a large one is remembered by path, size and time of change."""
    if path.stat().st_size < WORTH_IT:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    key = _key(path)
    store = _cache_folder() / REMEMBERED
    known = _remembered(store)
    if key not in known:
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        known = {entry: value for entry, value in known.items() if entry.partition("|")[0] != str(path.resolve())}
        known[key] = digest
        _remember(store, known)
    return known[key]


def _cache_folder() -> Path:
    """Where things may be kept that can be computed again."""
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "driftloop"


def _remembered(store: Path) -> dict[str, str]:
    """What was remembered; nothing where the file is missing or damaged."""
    try:
        known = json.loads(store.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    if not isinstance(known, dict):
        return {}
    return {key: value for key, value in known.items() if isinstance(value, str) and len(value) == 64}


def _remember(store: Path, known: dict[str, str]) -> None:
    """Replaces the file at once; where it cannot be written, the checksum is computed again next time."""
    try:
        store.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile("w", dir=store.parent, delete=False, encoding="utf-8") as file:
            json.dump(known, file)
        Path(file.name).replace(store)
    except OSError:
        return
