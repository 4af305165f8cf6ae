"""The embedded model as its trainers and gates see it: a folder in the layout of diffusers, all parts in float32."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from diffusers import DPMSolverMultistepScheduler, UNet2DConditionModel
from safetensors.torch import save_file
from torch import Tensor
from transformers import CLIPTextModel, CLIPTokenizer

from core.errors import WeightsError
from diffusion.models.autoencoder import PatchAutoencoder
from training.mini.run import in_half

UNET_FILE = "unet/diffusion_pytorch_model.safetensors"
TEXT_FILE = "text_encoder/model.safetensors"
VAE_FILE = "vae/diffusion_pytorch_model.safetensors"


@dataclass(frozen=True, slots=True)
class MiniModel:
    """The networks of one folder, in eval mode."""

    tokenizer: Any  # CLIPTokenizer
    text: Any  # CLIPTextModel
    unet: Any  # UNet2DConditionModel
    autoencoder: Any  # PatchAutoencoder, its latents in the scale of the UNet
    scheduler: Any  # DPMSolverMultistepScheduler
    device: str = "cpu"  # where the networks are
    _known: dict[str, Tensor] = field(default_factory=dict)  # tokens of the captions met so far

    @classmethod
    def load(cls, folder: Path, device: str = "cpu") -> "MiniModel":
        """All parts of a folder such as models/mini, on a device.

        Raises:
            WeightsError: if a part is not there.
        """
        for part in ("unet", "tokenizer", "text_encoder", "scheduler"):
            refuse_missing(folder / part)
        unet = UNet2DConditionModel.from_pretrained(folder / "unet", torch_dtype=torch.float32)
        return cls(
            CLIPTokenizer.from_pretrained(folder / "tokenizer"),
            CLIPTextModel.from_pretrained(folder / "text_encoder", dtype=torch.float32).eval().to(device),
            unet.eval().to(device),
            load_autoencoder(folder).to(device),
            DPMSolverMultistepScheduler.from_pretrained(folder / "scheduler"),
            device,
        )

    def tokens(self, captions: Sequence[str]) -> Tensor:
        """int64, N x positions, padded with the end token, cut where a caption is too long; on the model's device."""
        for caption in captions:
            if caption not in self._known:
                self._known[caption] = self._tokens(caption)
        return torch.stack([self._known[caption] for caption in captions]).to(self.device)

    def _tokens(self, caption: str) -> Tensor:
        length = self.text.config.max_position_embeddings
        found: Tensor = self.tokenizer(
            caption, padding="max_length", max_length=length, truncation=True, return_tensors="pt"
        ).input_ids[0]
        return found


def load_autoencoder(folder: Path) -> Any:
    """The autoencoder of a model folder, float32, in eval mode.

    Raises:
        WeightsError: if it is not there.
    """
    refuse_missing(folder / "vae")
    return PatchAutoencoder.from_pretrained(folder / "vae", torch_dtype=torch.float32).eval()


def refuse_missing(folder: Path) -> None:
    """Raises WeightsError where diffusers would go and ask the network for a folder."""
    if not folder.is_dir():
        way_out = "Give a folder in the layout of diffusers, such as models/mini"
        raise WeightsError("there is no such folder", where=str(folder), way_out=way_out)


def write_weights(model: MiniModel, folder: Path) -> None:
    """Puts UNet and text encoder into a model folder whose settings fit them, as float16.

    The text encoder's keys get the `text_model.` prefix that other tools expect.
    """
    save_file(in_half(model.unet.state_dict()), folder / UNET_FILE, metadata={"format": "pt"})
    text = {_prefixed(name): value for name, value in model.text.state_dict().items() if "position_ids" not in name}
    save_file(in_half(text), folder / TEXT_FILE, metadata={"format": "pt"})


def _prefixed(name: str) -> str:
    return name if name.startswith("text_model.") else f"text_model.{name}"
