"""What family a checkpoint is of, told from the names and shapes of its tensors."""

from collections.abc import Mapping
from dataclasses import dataclass

from core.errors import WeightsError
from diffusion.models.family import Family, Prediction, Shapes

UNET = "model.diffusion_model."
REFINER = "conditioner.embedders.0.model."  # the one text encoder of an SDXL refiner
TEXT_ENCODERS: tuple[tuple[Family, tuple[str, ...]], ...] = (
    ("sdxl", ("conditioner.embedders.0.transformer.", "conditioner.embedders.1.model.")),
    ("sdxl", (REFINER,)),
    ("sd2", ("cond_stage_model.model.",)),
    ("sd1", ("cond_stage_model.transformer.",)),
)
OTHER_KINDS = (  # (part of a tensor's name, what the file is); the first that fits counts
    ("lora_up", "a LoRA"),
    ("lora_A", "a LoRA"),
    ("lora.up", "a LoRA"),
    ("lora_down", "a LoRA"),
    ("hada_w1", "a LyCORIS network (LoHa)"),
    ("lokr_w", "a LyCORIS network (LoKr)"),
    ("motion_modules", "a motion module"),
    ("control_model.", "a ControlNet"),
    ("controlnet_cond_embedding", "a ControlNet"),
    ("emb_params", "a textual inversion"),
    ("clip_g", "a textual inversion"),
    ("double_blocks.", "a Flux model"),
    ("joint_blocks.", "a Stable Diffusion 3 model"),
    (UNET, "a UNet without its text encoder"),
    ("cond_stage_model.", "a text encoder without its UNet"),
    ("first_stage_model.", "an autoencoder (VAE)"),
    ("decoder.mid", "an autoencoder (VAE)"),
    ("down_blocks.", "one network of a diffusers folder"),
    ("text_model.", "a text encoder"),
)
OTHER_INPUTS = {5: "a depth-to-image model", 8: "an InstructPix2Pix model"}
OTHER_NOISE = ("edm_mean", "edm_std", "edm_vpred.")  # marks of models that are trained on other noise
WAY_OUT = "Give a checkpoint of Stable Diffusion 1.x, 2.x or XL that holds UNet, text encoder and autoencoder"


@dataclass(frozen=True, slots=True)
class Identified:
    """The facts about a checkpoint that its header tells."""

    family: Family
    prediction: Prediction | None  # None where only a run of the UNet tells (SD 2)
    has_zero_terminal: bool = False  # whether it was trained with no signal at the last timestep
    is_refiner: bool = False  # SDXL: made to draw the end, with the second text encoder alone
    channels: int = 4  # that the UNet sees: those of the latent, or 9 for inpainting (with mask and masked picture)


def identify(shapes: Shapes, metadata: Mapping[str, str]) -> Identified:
    """The family and prediction of a single-file checkpoint in the original naming.

    Args:
        shapes: of all tensors.
        metadata: of the safetensors header, or empty.

    Raises:
        WeightsError: for anything but SD 1.x, 2.x or XL for text to image or inpainting, saying what it is.
    """
    family = _family(shapes)
    if family is None or not any(key.startswith(UNET) for key in shapes):
        raise WeightsError(f"holds {_other_kind(shapes)}", way_out=WAY_OUT)
    if any(key.startswith(OTHER_NOISE) for key in shapes):
        raise WeightsError("holds a model trained on the noise levels of EDM (CosXL, Playground)", way_out=WAY_OUT)
    return Identified(
        family,
        _prediction(family, shapes, metadata),
        has_zero_terminal="ztsnr" in shapes,
        is_refiner=any(key.startswith(REFINER) for key in shapes),
        channels=_channels(shapes),
    )


def _family(shapes: Shapes) -> Family | None:
    """The family whose text encoders are there."""
    for family, prefixes in TEXT_ENCODERS:
        if all(any(key.startswith(prefix) for key in shapes) for prefix in prefixes):
            return family
    return None


def _other_kind(shapes: Shapes) -> str:
    """What a file that is no checkpoint of ours holds."""
    for part, kind in OTHER_KINDS:
        if any(part in key for key in shapes):
            return kind
    names = ", ".join(key[:60] for key in list(shapes)[:3])
    return f"{len(shapes)} tensors of an unknown kind ({names})" if shapes else "no tensors"


def _channels(shapes: Shapes) -> int:
    """How many channels the UNet sees.

    Raises:
        WeightsError: if it wants to see more than the noisy latent, or this, a mask and a masked picture.
    """
    first, last = shapes.get(f"{UNET}input_blocks.0.0.weight"), shapes.get(f"{UNET}out.2.weight")
    if first is None or last is None or len(first) != 4 or len(last) != 4:
        raise WeightsError("holds a UNet without its first or last layer", way_out=WAY_OUT)
    if first[1] not in (last[0], 2 * last[0] + 1):
        kind = OTHER_INPUTS.get(first[1], "a UNet")
        raise WeightsError(f"holds {kind} ({first[1]} channels in, {last[0]} out)", way_out=WAY_OUT)
    return first[1]


def _prediction(family: Family, shapes: Shapes, metadata: Mapping[str, str]) -> Prediction | None:
    """What the UNet predicts, where the header says it or the family leaves no choice."""
    stated = metadata.get("modelspec.prediction_type", "")
    if "v_pred" in shapes or stated.startswith("v"):
        return "v_prediction"
    if stated == "epsilon" or family != "sd2":
        return "epsilon"
    return None
