"""Annotators of the controlnet-aux package, with weights from a local folder."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from core.devices import ModelPool, chosen_device
from core.errors import MissingLibrary, WeightsError
from core.hashing import file_fingerprint, fingerprint
from core.weights import local_path
from diffusion.controls import Given
from diffusion.hints import Hint

SMALLEST_LOOK = 64  # pixels of the short side; the package works on multiples of it


@dataclass(frozen=True, slots=True)
class Annotator:
    """One class of the package."""

    name: str  # of the class
    files: tuple[str, ...]  # weights it needs, in one folder


@dataclass(frozen=True, slots=True)
class Learned:
    """A control that asks a network."""

    detector: Any  # on its device
    settings: Mapping[str, Any]  # of each call
    identity: str

    def hint(self, given: Given) -> Hint:
        """What the network sees, at the picture's size."""
        height, width = given.image.shape[:2]
        side = max(min(height, width), SMALLEST_LOOK)
        seen = self.detector(
            given.image, detect_resolution=side, image_resolution=side, output_type="np", **self.settings
        )
        return Hint(np.ascontiguousarray(cv2.resize(seen, (width, height), interpolation=cv2.INTER_LINEAR), np.uint8))


def with_weights(
    control: str, annotator: Annotator, model: str, settings: Mapping[str, Any], pool: ModelPool
) -> Learned:
    """A control whose network is loaded now, once for all that share the folder.

    Args:
        control: what the user asked for; used in messages.
        annotator: which class.
        model: the folder as the user wrote it.
        settings: of each call.
        pool: keeps the network.

    Raises:
        MissingLibrary: if controlnet-aux is not installed, or not whole.
        WeightsError: if the folder or a file in it is missing or damaged.
    """
    folder = _folder(control, annotator, model)
    identity = fingerprint(
        control, annotator.name, dict(settings), [file_fingerprint(folder / name) for name in annotator.files]
    )
    detector = pool.get("control", annotator.name, str(folder), lambda: _loaded(control, annotator, folder))
    return Learned(detector, settings, identity)


def aux(control: str) -> Any:
    """The package.

    Raises:
        MissingLibrary: if it, or what it needs, is not installed.
    """
    os.environ.setdefault("NO_ALBUMENTATIONS_UPDATE", "1")  # a package below it would ask the network for news
    try:
        import controlnet_aux
    except (ImportError, RuntimeError, AttributeError) as fault:  # a torchvision of another torch fails in all ways
        raise MissingLibrary(f"the control {control} ({fault})", "controlnet-aux", "controls") from fault
    return controlnet_aux


def _folder(control: str, annotator: Annotator, model: str) -> Path:
    """Where the weights lie."""
    needed = " and ".join(annotator.files)
    if not model:
        raise WeightsError(
            f"the control {control} needs weights", way_out=f"Give its option model: a folder with {needed}"
        )
    folder = local_path(model, purpose=f"weights of the control {control}")
    missing = [name for name in annotator.files if not (folder / name).is_file()]
    if missing:
        raise WeightsError(
            f"the control {control} does not find {', '.join(missing)}",
            where=str(folder),
            way_out=f"Give a folder with {needed} (lllyasviel/Annotators on the hub has them)",
        )
    return folder


def _loaded(control: str, annotator: Annotator, folder: Path) -> Any:
    """The network on its device. Pickles are read by torch's restricted unpickler."""
    detector = getattr(aux(control), annotator.name)
    try:
        return detector.from_pretrained(str(folder)).to(chosen_device())
    except Exception as fault:  # a damaged pickle fails with whatever its last instruction led to
        reason = " ".join(str(fault).split())[:160]
        raise WeightsError(
            f"the weights of the control {control} cannot be loaded ({reason})",
            where=str(folder),
            way_out="Get them again from a source you trust",
        ) from fault
