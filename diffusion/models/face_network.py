"""Networks that draw a face anew: GFPGAN, RestoreFormer, from one file each."""

from collections.abc import Callable
from inspect import signature
from pathlib import Path

import numpy as np
import torch

from core.devices import ModelPool, chosen_device
from core.errors import BrokenPicture, WeightsError
from core.image import Image
from diffusion.models.upscaler import described

KIND = "face restorer"
STEADY = {"randomize_noise": False}  # GFPGAN: skin and hair get the noise of the file, the same in every frame


def face_network(path: Path, pool: ModelPool) -> Callable[[Image], Image]:
    """Draws a face, uint8, 512 x 512 x 3, RGB, anew; the network is loaded when the first one comes.

    Raises:
        WeightsError: for a file that is missing, damaged, dangerous, or no network for faces.
        MissingLibrary: where spandrel is not installed.
    """

    def drawn(face: Image) -> Image:
        changed = path.stat().st_mtime_ns if path.is_file() else 0
        network: torch.nn.Module = pool.get(KIND, str(path), changed, lambda: _loaded(path))
        options = {name: value for name, value in STEADY.items() if name in signature(network.forward).parameters}
        pixels = torch.from_numpy(face).permute(2, 0, 1)[None].float() / 127.5 - 1
        with torch.inference_mode():  # type: ignore[no-untyped-call]
            found = network(pixels.to(next(network.parameters()).device), **options)[0][0].float().cpu()
        if not found.isfinite().all():
            raise BrokenPicture("the face restorer gave numbers that are not finite", where=path.name)
        levels = (found.clamp(-1, 1) + 1) * 127.5
        return np.ascontiguousarray(levels.permute(1, 2, 0).round().to(torch.uint8).numpy())

    return drawn


def _loaded(path: Path) -> torch.nn.Module:
    """The network of a file, which takes and gives 1 x 3 x 512 x 512 in -1..1."""
    found, _ = described(path, "restoring faces", KIND, "GFPGAN and RestoreFormer")
    if found.purpose != "FaceSR" or (found.input_channels, found.output_channels) != (3, 3):
        raise WeightsError(
            f"holds {found.architecture.name} for {found.purpose}, no network that draws faces", where=str(path)
        )
    model: torch.nn.Module = found.model
    return model.float().eval().to(chosen_device())
