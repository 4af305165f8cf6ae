"""`doctor`: versions, devices, encoders, folders, and whether a known seed still gives the known picture."""

import json
import os
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from commands.terminal import DONE, OURS, AsJson, OutFolder, say

PACKAGES = (
    "torch", "torchvision", "diffusers", "transformers", "safetensors", "accelerate", "numpy", "numexpr",
    "opencv-python-headless", "av", "pillow", "imageio", "pydantic", "controlnet-aux", "peft", "torchsde",
)  # fmt: skip
NEEDED = {"torch", "diffusers", "transformers", "safetensors", "numpy", "numexpr", "av", "pillow", "pydantic"}


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing looked at."""

    name: str
    is_well: bool
    detail: str


def command(out: OutFolder = Path("renders"), as_json: AsJson = False) -> int:
    """Look over this installation: versions, devices, encoders, folders, a numeric self-test."""
    checks: tuple[Callable[[], Iterator[Finding]], ...] = (
        _packages,
        _devices,
        _encoders,
        lambda: _folders(out),
        _numbers,
    )
    findings = [finding for check in checks for finding in check()]
    if as_json:
        say(json.dumps([asdict(finding) for finding in findings], indent=2))
    else:
        for finding in findings:
            say(f"{'ok  ' if finding.is_well else 'FAIL'} {finding.name:24} {finding.detail}")
    return DONE if all(finding.is_well for finding in findings) else OURS


def _packages() -> Iterator[Finding]:
    import platform
    from importlib.metadata import PackageNotFoundError, version

    yield Finding("python", True, f"{platform.python_version()} on {platform.platform()}")
    for name in PACKAGES:
        try:
            yield Finding(name, True, version(name))
        except PackageNotFoundError:
            yield Finding(name, name not in NEEDED, "not installed" + ("" if name in NEEDED else " (optional)"))


def _devices() -> Iterator[Finding]:
    from core.devices import chosen_device, chosen_dtype

    device = chosen_device()
    yield Finding(
        "device", True, f"{device}, {str(chosen_dtype(device)).removeprefix('torch.')}, {os.cpu_count()} cores"
    )


def _encoders() -> Iterator[Finding]:
    import av

    for name in ("libx264", "libx265", "libvpx-vp9", "libsvtav1", "prores_ks", "gif"):
        yield Finding(f"encoder {name}", name in av.codecs_available or name != "libx264", _availability(name))


def _availability(name: str) -> str:
    import av

    return "available" if name in av.codecs_available else "not in this build of FFmpeg"


def _folders(out: Path) -> Iterator[Finding]:
    import tempfile

    for folder in (out, Path(tempfile.gettempdir())):
        existing = next(parent for parent in (folder, *folder.absolute().parents) if parent.exists())
        is_writable = os.access(existing, os.W_OK)
        yield Finding(f"folder {folder}", is_writable, "writable" if is_writable else f"{existing} is not writable")


def _numbers() -> Iterator[Finding]:
    from animator.selftest import TOLERANCE, difference
    from core.errors import DriftloopError

    try:
        levels = difference()
    except DriftloopError as fault:
        yield Finding("known seed", False, str(fault))
        return
    yield Finding("known seed", levels <= TOLERANCE, f"{levels:.2f} levels from the known picture, {TOLERANCE} allowed")
