"""load_model: a model by the name the user wrote, ready to sample with."""

from dataclasses import replace
from pathlib import Path

import torch

from core.devices import ModelPool, chosen_device, chosen_dtype
from core.errors import WeightsError
from diffusion.models.files import AUTOMATIC, model_identity, model_path, vae_path
from diffusion.models.folder import load_folder
from diffusion.models.loaded import LoadedModel
from diffusion.models.parts import ModelParts
from diffusion.models.scaled import ScaledAutoencoder
from diffusion.models.single_file import load_single_file
from diffusion.models.vae import load_vae

KIND = "diffusion model"


def load_model(name: str, pool: ModelPool, *, dtype: torch.dtype | None = None, vae: str = AUTOMATIC) -> LoadedModel:
    """The model, loaded the first time it is asked for.

    Args:
        name: "mini", a diffusers folder, a .safetensors or .ckpt file, a name in the models folders, or a hub id.
        pool: keeps it.
        dtype: of UNet and text encoders; None for what suits the device. The autoencoder always computes in
            float32: in half precision those of SDXL give NaN.
        vae: which autoencoder, as `vae_path` takes it.

    Raises:
        WeightsError: if there is no such model, or it is damaged or of another family.
    """
    path = model_path(name)
    device = chosen_device()
    chosen = dtype or chosen_dtype(device)
    own_vae = vae_path(vae, path)
    key = (chosen, str(own_vae))
    return pool.get(KIND, str(path), key, lambda: _loaded(name, path, device, chosen, own_vae))


def _loaded(name: str, path: Path, device: torch.device, dtype: torch.dtype, vae: Path | None) -> LoadedModel:
    """The model from its files, on the device."""
    try:
        load = load_folder if path.is_dir() else load_single_file
        parts = load(path, dtype, torch.float32)
    except WeightsError as fault:
        raise WeightsError(fault.what, where=fault.where or name, way_out=fault.way_out) from fault
    if vae is not None:
        parts = replace(parts, vae=load_vae(vae, parts.family, torch.float32))
    for network in (parts.unet, parts.vae):
        network.to(device, memory_format=torch.channels_last)  # the same numbers, quicker convolutions
    for part in parts.text:
        part.encoder.to(device)
    autoencoder = ScaledAutoencoder.of(parts.vae)
    if autoencoder.channels != parts.unet.config.out_channels:
        raise WeightsError(
            f"makes latents of {autoencoder.channels} channels, but {name} draws {parts.unet.config.out_channels}",
            where=str(vae or path),
            way_out="Choose an autoencoder of the model's family, or 'none' for its own",
        )
    return LoadedModel(
        name=name,
        family=parts.family,
        identity=model_identity(path),
        unet=parts.unet,
        autoencoder=autoencoder,
        text=parts.text,
        alphas_cumprod=parts.signal_shares,
        prediction=parts.prediction,
        native=_native_size(parts, autoencoder.factor),
        device=device,
        dtype=dtype,
    )


def _native_size(parts: ModelParts, factor: int) -> tuple[int, int]:
    """Width and height in pixels that the UNet was trained at."""
    cells = parts.unet.config.sample_size
    height, width = (cells, cells) if isinstance(cells, int) else cells
    return width * factor, height * factor
