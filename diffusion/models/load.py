"""load_model: a model by the name the user wrote, ready to sample with."""

from dataclasses import replace
from pathlib import Path

import torch

from core.devices import ModelPool, chosen_device, chosen_dtype
from core.errors import WeightsError
from core.tuning import Tuning, tuning
from diffusion.models.files import AUTOMATIC, model_identity, model_path, vae_path
from diffusion.models.folder import load_folder
from diffusion.models.loaded import LoadedModel
from diffusion.models.parts import ModelParts
from diffusion.models.placing import placed
from diffusion.models.scaled import ScaledAutoencoder
from diffusion.models.single_file import load_single_file
from diffusion.models.vae import load_vae

KIND = "diffusion model"


def load_model(name: str, pool: ModelPool, *, is_exact: bool = False, vae: str = AUTOMATIC) -> LoadedModel:
    """The model, loaded the first time it is asked for.

    Args:
        name: "mini", a diffusers folder, a .safetensors or .ckpt file, a name in the models folders, or a hub id.
        pool: keeps it.
        is_exact: whether all of it computes in float32. Else UNet and text encoders compute in what suits the device,
            and the autoencoder as `tuning` says, never in float16: those of SDXL give NaN in it.
        vae: which autoencoder, as `vae_path` takes it.

    Raises:
        WeightsError: if there is no such model, or it is damaged or of another family.
        UserError: if it cannot be run as `tuning` says.
    """
    path = model_path(name)
    device = chosen_device()
    own_vae = vae_path(vae, path)
    tuned = replace(tuning(), precision="float32", vae="float32") if is_exact else tuning()
    key = (str(own_vae), tuned)
    return pool.get(KIND, str(path), key, lambda: _loaded(name, path, device, own_vae, pool, tuned))


def _loaded(
    name: str, path: Path, device: torch.device, vae: Path | None, pool: ModelPool, tuned: Tuning
) -> LoadedModel:
    """The model from its files, on the device."""
    dtype: torch.dtype = chosen_dtype(device) if tuned.precision == "automatic" else getattr(torch, tuned.precision)
    vae_dtype: torch.dtype = getattr(torch, tuned.vae)
    try:
        load = load_folder if path.is_dir() else load_single_file
        parts = load(path, dtype, vae_dtype)
    except WeightsError as fault:
        raise WeightsError(fault.what, where=fault.where or name, way_out=fault.way_out) from fault
    if vae is not None:
        parts = replace(parts, vae=load_vae(vae, parts.family, vae_dtype))
    autoencoder = ScaledAutoencoder.of(parts.vae)
    if autoencoder.channels != parts.unet.config.out_channels:
        raise WeightsError(
            f"makes latents of {autoencoder.channels} channels, but {name} draws {parts.unet.config.out_channels}",
            where=str(vae or path),
            way_out="Choose an autoencoder of the model's family, or 'none' for its own",
        )
    autoencoder = replace(autoencoder, arrive=placed(parts, device, tuned, pool))
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
