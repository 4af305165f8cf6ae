"""IP-Adapters: a picture as a prompt. What CLIP sees in it becomes tokens that attention looks at beside the words.

Source: Ye et al., IP-Adapter: Text Compatible Image Prompt Adapter for Text-to-Image Diffusion Models (2023), eq. 5.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from core.errors import WeightsError
from core.image import Image, to_float
from diffusion.models.control_files import IMAGE_PROMPT, image_encoder
from diffusion.models.family import Shapes
from diffusion.models.loaded import LoadedModel
from diffusion.models.networks import is_finite
from diffusion.models.weights_file import WeightsFile

PROJECTION, ATTENTION = "image_proj.", IMAGE_PROMPT
MEAN = np.array((0.48145466, 0.4578275, 0.40821073), np.float32)  # CLIP's, of the levels it was trained on
SPREAD = np.array((0.26862954, 0.26130258, 0.27577711), np.float32)
_LAYER = re.compile(r"(\d+)\.to_([kv])_ip\.weight")


@dataclass(frozen=True, slots=True)
class ImagePrompt:
    """One IP-Adapter in eval mode with the CLIP that it was made for; shared, never changed."""

    name: str  # as the user wrote it
    identity: str  # checksum of its weights
    encoder: Any  # transformers CLIPVisionModelWithProjection
    projection: Any  # what CLIP sees to tokens
    keys: tuple[tuple[Tensor, Tensor], ...]  # of each cross-attention: what makes keys and values of tokens
    sees_patches: bool  # whether it takes what CLIP sees of each patch, or of the whole picture

    @property
    def layers(self) -> int:
        """How many cross-attentions it acts in."""
        return len(self.keys)

    @torch.inference_mode()  # type: ignore[untyped-decorator]
    def tokens(self, image: Image | None) -> Tensor:
        """What is attended to for a picture, or for none (the negative side); 1 x tokens x width."""
        side = self.encoder.config.image_size
        like = next(self.projection.parameters())
        pixels = torch.zeros(1, 3, side, side) if image is None else _pixels(image, side)
        pixels = pixels.to(like.device, next(self.encoder.parameters()).dtype)
        if self.sees_patches:
            seen = self.encoder(pixels, output_hidden_states=True).hidden_states[-2]
        else:
            seen = self.encoder(pixels).image_embeds
            seen = torch.zeros_like(seen) if image is None else seen
        tokens: Tensor = self.projection(seen.to(like.dtype))
        return tokens


@dataclass(frozen=True, slots=True)
class Attended:
    """What a UNet's attention looks at beside the words, for each row of its batch."""

    prompt: ImagePrompt
    tokens: Tensor  # R x tokens x width
    weights: Tensor  # R x layers: how much counts in each cross-attention
    masks: Tensor | None  # R x 1 x rows x columns of the latents, 0..1: where


def is_image_prompt(shapes: Shapes) -> bool:
    """Whether a file's tensors make an IP-Adapter."""
    return any(key.startswith(ATTENTION) for key in shapes)


def made_image_prompt(name: str, identity: str, file: WeightsFile, model: LoadedModel) -> ImagePrompt:
    """The adapter on the processor.

    Raises:
        WeightsError: if it is damaged, for another family, of a kind that wants more than a picture, or lacks its CLIP.
    """
    tensors = file.read(file.shapes)
    if not all(map(is_finite, tensors.values())):
        raise WeightsError("NaN or infinity in its weights", way_out="The file is damaged")
    projecting = {key.removeprefix(PROJECTION): value for key, value in tensors.items() if key.startswith(PROJECTION)}
    if any("perceiver_resampler" in key or ("norm_out" in key and "face" in name) for key in projecting):
        raise WeightsError("is a Face ID adapter, which wants a face recogniser", way_out="Give a plain or Plus one")
    keys = _keys(tensors)
    attentions = cross_attentions(model.unet)
    widths = [attention.to_q.out_features for attention in attentions]
    if [key.shape[0] for key, _ in keys] != widths or not keys or keys[0][0].shape[1] != _width(model.unet):
        what = f"this IP-Adapter is made for another family of models than {model.name} ({model.family})"
        raise WeightsError(what, way_out="Give one made for this family")
    try:
        projection = model.unet._convert_ip_adapter_image_proj_to_diffusers(projecting, low_cpu_mem_usage=False)
    except (KeyError, RuntimeError, AttributeError, IndexError, TypeError, UnboundLocalError) as fault:
        raise WeightsError(f"its image projection is of no known kind ({type(fault).__name__})") from fault
    return ImagePrompt(
        name,
        identity,
        _encoder(file.path).to(model.dtype),
        projection.to(model.dtype).eval().requires_grad_(False),
        tuple((key.to(model.dtype), value.to(model.dtype)) for key, value in keys),
        "proj.weight" not in projecting,
    )


@contextmanager
def attending(unet: nn.Module, parts: Sequence[Attended], latents: Tensor) -> Iterator[None]:
    """While open, each cross-attention adds what it finds in the pictures' tokens.

    Args:
        unet: hooked; the same afterwards.
        parts: for the rows of the one call that is made.
        latents: of that call, R x C x rows x columns.
    """
    handles = []
    for place, attention in enumerate(cross_attentions(unet) if parts else ()):
        asked: list[Tensor] = []
        handles.append(attention.to_q.register_forward_hook(partial(_remember, asked)))
        add = partial(_add, asked, attention, place, parts, latents)
        handles.append(attention.to_out[0].register_forward_pre_hook(add))
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def cross_attentions(unet: Any) -> list[Any]:
    """The attentions that look at words, in the order in which IP-Adapter files number them."""
    names = [name.removesuffix(".processor") for name in unet.attn_processors if name.endswith("attn2.processor")]
    return [unet.get_submodule(name) for name in names]


def _remember(asked: list[Tensor], _layer: nn.Module, _inputs: Any, queries: Tensor) -> None:
    asked[:] = [queries]


def _add(
    asked: list[Tensor], attention: Any, place: int, parts: Sequence[Attended], latents: Tensor, _layer: nn.Module,
    inputs: tuple[Any, ...],
) -> tuple[Any, ...]:  # fmt: skip
    found, *others = inputs
    for part in parts:
        key, value = (weights.to(found.device) for weights in part.prompt.keys[place])
        queries, keys, values = (
            one.reshape(*one.shape[:2], attention.heads, -1).transpose(1, 2)
            for one in (asked[0], functional.linear(part.tokens, key), functional.linear(part.tokens, value))
        )
        seen = functional.scaled_dot_product_attention(queries, keys, values).transpose(1, 2).flatten(2)
        share = part.weights[:, place, None, None].to(found.dtype)
        if part.masks is not None:
            share = share * _at_tokens(part.masks, seen.shape[1], latents).to(found.dtype)
        found = found + share * seen
    return (found, *others)


def _at_tokens(masks: Tensor, count: int, latents: Tensor) -> Tensor:
    """Masks for the cells that a layer's tokens stand for; R x tokens x 1."""
    rows, columns = latents.shape[2:]
    while rows * columns > count:
        rows, columns = -(-rows // 2), -(-columns // 2)
    return functional.interpolate(masks, (rows, columns), mode="area").flatten(2).transpose(1, 2)


def _width(unet: Any) -> int:
    """Of a text token."""
    return int(cross_attentions(unet)[0].to_k.in_features)


def _keys(tensors: Mapping[str, Tensor]) -> list[tuple[Tensor, Tensor]]:
    """Keys and values of each layer, in the order of their numbers."""
    found: dict[int, dict[str, Tensor]] = {}
    for key, value in tensors.items():
        if part := _LAYER.fullmatch(key.removeprefix(ATTENTION)):
            found.setdefault(int(part[1]), {})[part[2]] = value
    if any(set(pair) != {"k", "v"} for pair in found.values()):
        raise WeightsError("has keys without values, or values without keys", way_out="The file is damaged")
    return [(found[number]["k"], found[number]["v"]) for number in sorted(found)]


def _encoder(path: Path) -> Any:
    """The CLIP that lies beside an adapter's file."""
    from transformers import CLIPVisionModelWithProjection

    folder = image_encoder(path)
    if folder is None:
        raise WeightsError(
            "the CLIP that sees its pictures is not there",
            way_out=f"Put the folder image_encoder of the adapter's repository into {path.parent}",
        )
    try:
        encoder = CLIPVisionModelWithProjection.from_pretrained(folder, local_files_only=True)
    except (OSError, ValueError, RuntimeError) as fault:
        raise WeightsError(f"cannot be loaded ({' '.join(str(fault).split())[:160]})", where=str(folder)) from fault
    return encoder.eval().requires_grad_(False)


def _pixels(image: Image, side: int) -> Tensor:
    """What CLIP is shown: the middle square, float32, 1 x 3 x side x side."""
    height, width = image.shape[:2]
    short = min(height, width)
    top, left = (height - short) // 2, (width - short) // 2
    square = image[top : top + short, left : left + short]
    kind = cv2.INTER_AREA if short > side else cv2.INTER_CUBIC
    levels = to_float(np.asarray(cv2.resize(square, (side, side), interpolation=kind), np.uint8))
    return torch.from_numpy((levels - MEAN) / SPREAD).permute(2, 0, 1).unsqueeze(0)
