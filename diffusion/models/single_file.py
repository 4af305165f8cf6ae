"""Models in one file in the original naming of Stable Diffusion; needs nothing but the file."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import torch

from core.errors import WeightsError
from diffusion.models.family import Family, Prediction
from diffusion.models.identify import REFINER, UNET, identify
from diffusion.models.loaded import TextPart
from diffusion.models.networks import Tensors, made_autoencoder, made_text_encoder, made_unet
from diffusion.models.parts import ModelParts
from diffusion.models.settings import prediction_beside, read_settings
from diffusion.models.signal import signal_shares
from diffusion.models.tokenizer import clip_tokenizer
from diffusion.models.weights_file import open_weights

CONFIGS = Path(__file__).parent / "configs"
SMALLER_SD2 = 64  # latent cells a side of SD 2.x models that predict epsilon
PROBE_TIMESTEP = 999
PREFIX = "first_stage_model."  # of the autoencoder's tensors


def load_single_file(path: Path, dtype: torch.dtype, vae_dtype: torch.dtype, *, configs: Path = CONFIGS) -> ModelParts:
    """The parts of a checkpoint (.safetensors, .ckpt ...).

    Args:
        configs: a folder for each family with the settings of its networks; the public sizes are shipped.

    Raises:
        WeightsError: for anything missing, damaged or of another family.
    """
    file = open_weights(path)
    found = identify(file.shapes, file.metadata)
    home = configs / found.family
    tensors = file.read(key for key in file.shapes if not key.startswith(("model_ema.", "loss.")))
    settings = read_settings(home / ("unet_refiner" if found.is_refiner else "unet") / "config.json")
    unet = _unet({**settings, "in_channels": found.channels}, tensors, dtype)
    prediction = prediction_beside(path) or found.prediction or probed_prediction(unet)
    if found.family == "sd2" and prediction == "epsilon":
        unet.register_to_config(sample_size=SMALLER_SD2)
    scheduler = read_settings(home / "scheduler" / "scheduler_config.json")
    return ModelParts(
        family=found.family,
        unet=unet,
        vae=converted_autoencoder(home, tensors, vae_dtype),
        text=(_open_clip_xl(home, REFINER, tensors, dtype),)
        if found.is_refiner
        else _text_parts(found.family, home, tensors, dtype),
        signal_shares=signal_shares({**scheduler, "rescale_betas_zero_snr": found.has_zero_terminal}),
        prediction=prediction,
    )


@torch.inference_mode()
def probed_prediction(unet: Any) -> Prediction:
    """Whether an SD 2 UNet predicts v or epsilon.

    Epsilon is the input itself where there is nearly nothing but noise; v is the negative picture.
    Source: the web UI's rule: one run on an even grey at the last timestep, v if the mean falls by more than 1.
    """
    dtype, width = unet.dtype, unet.config.cross_attention_dim
    grey = torch.full((1, unet.config.in_channels, 8, 8), 0.5, dtype=dtype)
    output = unet(grey, PROBE_TIMESTEP, torch.full((1, 2, width), 0.5, dtype=dtype)).sample
    return "v_prediction" if (output - grey[:, : output.shape[1]]).float().mean().item() < -1 else "epsilon"


def _unet(settings: Mapping[str, Any], tensors: Tensors, dtype: torch.dtype) -> Any:
    """The UNet of a checkpoint."""
    from diffusers.loaders.single_file_utils import convert_ldm_unet_checkpoint

    return made_unet(settings, _renamed(convert_ldm_unet_checkpoint, _under(UNET, tensors), config=settings), dtype)


def converted_autoencoder(home: Path, tensors: Tensors, dtype: torch.dtype) -> Any:
    """The autoencoder of a checkpoint."""
    from diffusers.loaders.single_file_utils import convert_ldm_vae_checkpoint

    settings = read_settings(home / "vae" / "config.json")
    own = _under(PREFIX, tensors)
    return made_autoencoder(settings, _renamed(convert_ldm_vae_checkpoint, own, config=settings), dtype)


def _text_parts(family: Family, home: Path, tensors: Tensors, dtype: torch.dtype) -> tuple[TextPart, ...]:
    """The text encoders of a checkpoint, with the tokenizers they were trained with.

    The settings of SD 2 have one layer less than its files, so that the last is the one the UNet was trained on.
    """
    first = home / "text_encoder"
    if family == "sd1":
        return (_clip(first, "cond_stage_model.transformer.", tensors, dtype),)
    if family == "sd2":
        return (_open_clip(first, "cond_stage_model.model.", tensors, dtype),)
    return (
        replace(_clip(first, "conditioner.embedders.0.transformer.", tensors, dtype), penultimate=True),
        _open_clip_xl(home, "conditioner.embedders.1.model.", tensors, dtype),
    )


def _open_clip_xl(home: Path, prefix: str, tensors: Tensors, dtype: torch.dtype) -> TextPart:
    """SDXL's second text encoder, which is a refiner's only one."""
    return replace(_open_clip(home / "text_encoder_2", prefix, tensors, dtype), penultimate=True, projected=True)


def _clip(home: Path, prefix: str, tensors: Tensors, dtype: torch.dtype) -> TextPart:
    """OpenAI's CLIP, whose tensors are named as in transformers."""
    own = {key.removeprefix(prefix): tensor for key, tensor in _under(prefix, tensors).items()}
    network = made_text_encoder(read_settings(home / "config.json"), own, dtype)
    return TextPart(clip_tokenizer(pads_with_zero=False), network, penultimate=False)


def _open_clip(home: Path, prefix: str, tensors: Tensors, dtype: torch.dtype) -> TextPart:
    """OpenCLIP, whose tensors are renamed and its attention weights split."""
    from diffusers.loaders.single_file_utils import convert_open_clip_checkpoint

    own = _renamed(partial(convert_open_clip_checkpoint, None), _under(prefix, tensors), prefix=prefix)
    network = made_text_encoder(read_settings(home / "config.json"), own, dtype)
    return TextPart(clip_tokenizer(pads_with_zero=True), network, penultimate=False)


def _under(prefix: str, tensors: Tensors) -> Tensors:
    """The tensors of one network, names unchanged."""
    return {key: tensor for key, tensor in tensors.items() if key.startswith(prefix)}


def _renamed(convert: Callable[..., Tensors], tensors: Tensors, **how: Any) -> Tensors:
    """Tensors named as diffusers and transformers name them.

    Raises:
        WeightsError: if the names do not follow the original scheme.
    """
    try:
        return convert(checkpoint=dict(tensors), **how)
    except (KeyError, IndexError, AttributeError, ValueError, RuntimeError, TypeError) as fault:
        raise WeightsError(
            f"the tensors are not named as in Stable Diffusion ({type(fault).__name__}: {fault})"
        ) from fault
