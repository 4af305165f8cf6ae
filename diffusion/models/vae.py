"""Autoencoders from files of their own."""

from pathlib import Path
from typing import Any

import torch

from core.errors import WeightsError
from diffusion.models.family import Family
from diffusion.models.files import vae_files
from diffusion.models.folder import network_settings, network_tensors
from diffusion.models.networks import made_autoencoder
from diffusion.models.settings import read_settings
from diffusion.models.single_file import CONFIGS, PREFIX, converted_autoencoder
from diffusion.models.tiny import is_tiny, load_tiny
from diffusion.models.weights_file import open_weights


def load_vae(path: Path, family: Family, dtype: torch.dtype, *, configs: Path = CONFIGS) -> Any:
    """An AutoencoderKL or AutoencoderTiny from a single file, in either naming, or from a diffusers folder.

    Args:
        family: of the UNet; a single file does not tell the scale of its latents.
        configs: as for `load_single_file`.

    Raises:
        WeightsError: for anything missing, damaged or of another kind.
    """
    try:
        if path.is_dir():
            return made_autoencoder(network_settings(path), network_tensors(path), dtype)
        file = open_weights(path)
        if is_tiny(file.shapes):
            return load_tiny(vae_files(path), dtype)
        bare = {key: tensor for key, tensor in file.read(file.shapes).items() if not key.startswith("loss")}
        bare = {key.removeprefix(PREFIX): tensor for key, tensor in bare.items() if not key.startswith("model_ema.")}
        if "decoder.conv_in.weight" not in bare:
            raise WeightsError("holds no autoencoder", way_out="Give a VAE of Stable Diffusion 1.x, 2.x or XL")
        home = configs / family
        if any(key.startswith("decoder.up_blocks.") for key in bare):
            return made_autoencoder(read_settings(home / "vae" / "config.json"), bare, dtype)
        return converted_autoencoder(home, {PREFIX + key: tensor for key, tensor in bare.items()}, dtype)
    except WeightsError as fault:
        raise WeightsError(fault.what, where=fault.where or str(path), way_out=fault.way_out) from fault
