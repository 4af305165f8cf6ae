"""Skeleton: the networks of a checkpoint without their numbers, to see at once whether other files fit it."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import nn

from core.errors import WeightsError
from diffusion.models.family import Family
from diffusion.models.identify import identify
from diffusion.models.networks import empty_text_encoder, empty_unet
from diffusion.models.settings import read_settings
from diffusion.models.single_file import CONFIGS
from diffusion.models.weights_file import open_weights


@dataclass(frozen=True, slots=True)
class Skeleton:
    """Networks whose parameters have a shape and no memory."""

    unet: Any  # diffusers UNet2DConditionModel
    encoders: tuple[nn.Module, ...]  # one, or two for SDXL


def skeleton(path: Path, *, configs: Path = CONFIGS) -> Skeleton:
    """The skeleton of a diffusers folder or a single file; reads settings or the header.

    Args:
        configs: as for `load_single_file`.

    Raises:
        WeightsError: for what is damaged, or no checkpoint of a known family.
    """
    try:
        if path.is_dir():
            names = [name for name in ("text_encoder", "text_encoder_2") if (path / name).is_dir()]
            return _skeleton(path, path / "unet", names)
        file = open_weights(path)
        found = identify(file.shapes, file.metadata)
        home = configs / found.family
        unet = home / ("unet_refiner" if found.is_refiner else "unet")
        return _skeleton(home, unet, _encoders(found.family, found.is_refiner), in_channels=found.channels)
    except WeightsError as fault:
        raise WeightsError(fault.what, where=fault.where or str(path), way_out=fault.way_out) from fault


def _encoders(family: Family, is_refiner: bool) -> list[str]:
    if is_refiner:
        return ["text_encoder_2"]
    return ["text_encoder", "text_encoder_2"] if family == "sdxl" else ["text_encoder"]


def _skeleton(home: Path, unet: Path, encoders: list[str], **changed: int) -> Skeleton:
    settings = {**read_settings(unet / "config.json"), **changed}
    return Skeleton(
        empty_unet(settings), tuple(empty_text_encoder(read_settings(home / name / "config.json")) for name in encoders)
    )
