"""SparseControl: pictures at a few frames of a clip that the frames between are drawn towards."""

import inspect
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from core.devices import ModelPool
from core.errors import WeightsError
from core.image import Image, Size, to_float
from diffusion.clips.denoise import Asked
from diffusion.clips.module import moving_blocks
from diffusion.clips.names import renamed
from diffusion.clips.order import SparsePictures
from diffusion.kit import Kit
from diffusion.models.files import weights_files
from diffusion.models.loaded import LoadedModel
from diffusion.models.networks import emptied, filled
from diffusion.models.settings import read_settings
from diffusion.models.steerer import Added
from diffusion.models.weights_file import open_weights

KIND = "SparseControl network"
CLASS = "SparseControlNetModel"
EMBEDDING = "controlnet_cond_embedding"  # the layers that look at pictures
WHOLE, IN_STEPS = f"{EMBEDDING}.weight", f"{EMBEDDING}.conv_in.weight"  # of networks shown latents, and pixels
POSITIONS = 32  # frames it tells apart, where a file does not tell
SHAPE = ("block_out_channels", "cross_attention_dim", "layers_per_block")


@dataclass(frozen=True, slots=True)
class SparseControl:
    """One network in eval mode; shared, never changed."""

    name: str  # its path
    network: Any  # diffusers SparseControlNetModel
    sees_latents: bool  # pictures as the autoencoder gives them (rgb); else their pixels (scribble)

    def shown(self, image: Image, kit: Kit) -> Tensor:
        """What it is shown of a picture of the clip's size; 1 x C x rows x columns."""
        size = Size.of(image)
        if self.sees_latents:
            return kit.encoded(image, size)
        canvas = kit.canvas(size)
        below, right = canvas.height - size.height, canvas.width - size.width
        whole = np.pad(to_float(image), ((0, below), (0, right), (0, 0)), mode="symmetric")
        return torch.from_numpy(whole).permute(2, 0, 1).unsqueeze(0).to(kit.model.device)


class SparseSteer:
    """What a SparseControl network adds to windows: nothing to those that hold none of its frames."""

    def __init__(self, control: SparseControl, pictures: SparsePictures, kit: Kit) -> None:
        """Args: control: the network; pictures: it is shown, by frame; kit: whose model it steers."""
        self._control, self._pictures = control, pictures
        self._shown = {frame: control.shown(image, kit) for frame, image in pictures.images.items()}

    def added(self, latents: Tensor, times: Tensor, tokens: Tensor, asked: Sequence[Asked], share: float) -> Added:
        """What is added to all frames of all windows.

        Args:
            latents: N x F x C x rows x columns.
            times: N.
            tokens: N * F x tokens x width.
            asked: what each of the N is.
            share: 0..1, how much of the run is done.
        """
        rows = [row for row, one in enumerate(asked) if any(frame in self._shown for frame in one.window)]
        if not rows or not self._pictures.start <= share <= self._pictures.end:
            return Added()
        hints, known = zip(*(self._of(asked[row]) for row in rows), strict=True)
        words = tokens.reshape(len(asked), -1, *tokens.shape[1:])[rows].flatten(0, 1)
        like = latents[rows].transpose(1, 2)
        down, middle = self._control.network(
            like,
            times[rows],
            words,
            controlnet_cond=torch.stack(hints).to(like),
            conditioning_mask=torch.stack(known).to(like),
            return_dict=False,
        )
        weights = [float(self._pictures.weights[frame]) for row in rows for frame in asked[row].window]
        *skips, last = (self._spread(one, weights, rows, len(asked)) for one in (*down, middle))
        return Added(skips, last)

    def _of(self, asked: Asked) -> tuple[Tensor, Tensor]:
        """What is known of a window's frames, nothing as zeros, and of which; C x F x rows x columns, 1 x F x ..."""
        nothing = torch.zeros_like(next(iter(self._shown.values()))[0])
        found = [self._shown.get(frame) for frame in asked.window]
        hints = torch.stack([nothing if one is None else one[0] for one in found], 1)
        return hints, torch.stack([torch.full_like(nothing[:1], float(one is not None)) for one in found], 1)

    def _spread(self, found: Tensor, weights: Sequence[float], rows: Sequence[int], count: int) -> Tensor:
        """Residuals of some windows by the weights of their frames, zero for the others; count * F rows."""
        scaled = (found * found.new_tensor(weights).view(-1, 1, 1, 1)).reshape(len(rows), -1, *found.shape[1:])
        whole = found.new_zeros(count, *scaled.shape[1:])
        whole[rows] = scaled
        return whole.flatten(0, 1)


def load_sparse(path: Path, model: LoadedModel, pool: ModelPool) -> SparseControl:
    """The network in a diffusers folder or an original file, loaded the first time it is asked for.

    Raises:
        WeightsError: if it is damaged, something else, or made for another family than the model.
    """
    options = (model.identity, model.dtype)
    found: SparseControl = pool.get(KIND, str(path), options, lambda: _loaded(path, model))
    return found


def _loaded(path: Path, model: LoadedModel) -> SparseControl:
    from diffusers import SparseControlNetModel

    try:
        files = weights_files(path) if path.is_dir() else (path,)
        tensors = {
            renamed(key.removeprefix("controlnet.")): tensor
            for file in map(open_weights, files)
            for key, tensor in file.read(file.shapes).items()
        }
        settings = read_settings(path / "config.json") if path.is_dir() else _settings(tensors, model)
        _check(settings, tensors, model)
        network = emptied(SparseControlNetModel.from_config, settings, "the SparseControl network")
        tables = {key: value for key, value in network.state_dict().items() if key.endswith("pos_embed.pe")}
        whole = filled(network, {**tensors, **tables}, model.dtype, part="the SparseControl network")
    except WeightsError as fault:
        raise WeightsError(fault.what, where=fault.where or str(path), way_out=fault.way_out) from fault
    return SparseControl(str(path), whole.to(model.device), WHOLE in tensors)


def _settings(tensors: Mapping[str, Tensor], model: LoadedModel) -> dict[str, Any]:
    """Settings of an original file; what it does not tell is as in the model's UNet."""
    from diffusers import SparseControlNetModel

    first = tensors.get(WHOLE, tensors.get(IN_STEPS))
    if first is None or first.ndim != 4:
        raise WeightsError("holds no SparseControl network", way_out="Give one of AnimateDiff v3, rgb or scribble")
    widths = [first.shape[0]]
    while (block := tensors.get(f"{EMBEDDING}.blocks.{2 * len(widths) - 1}.weight")) is not None:
        widths.append(block.shape[0])
    known = inspect.signature(SparseControlNetModel.__init__).parameters
    own = {key: value for key, value in model.unet.config.items() if key in known}
    return own | {
        "_class_name": CLASS,
        "down_block_types": moving_blocks(model.unet.config, "down"),
        "num_attention_heads": own.get("num_attention_heads") or model.unet.config["attention_head_dim"],
        "conditioning_channels": first.shape[1] - 1,  # the last one says where there is a picture
        "use_simplified_condition_embedding": WHOLE in tensors,
        "conditioning_embedding_out_channels": tuple(widths),
        "motion_max_seq_length": POSITIONS,
    }


def _check(settings: Mapping[str, Any], tensors: Mapping[str, Tensor], model: LoadedModel) -> None:
    """Raises WeightsError for a network of another kind or family."""
    if settings.get("_class_name") != CLASS:
        raise WeightsError(f"holds a {settings.get('_class_name')}", way_out=f"Give a {CLASS}")
    for key in SHAPE:
        own, theirs = settings.get(key), model.unet.config.get(key)
        if key in settings and _plain(own) != _plain(theirs):
            what = f"this SparseControl network is made for another family of models than {model.name} ({model.family})"
            raise WeightsError(f"{what}: its {key} are {own}, not {theirs}", way_out="Give one made for this family")
    if WHOLE in tensors:
        seen, wanted = tensors[WHOLE].shape[1] - 1, model.autoencoder.channels
        if seen != wanted:
            raise WeightsError(f"is shown latents of {seen} channels, {model.name} has {wanted}")
        return
    factor = 2 ** (len(settings.get("conditioning_embedding_out_channels", ())) - 1)
    if factor != model.autoencoder.factor:
        what = f"is shown {factor} pixels a latent cell, {model.name} has {model.autoencoder.factor}"
        raise WeightsError(what, way_out="Give one made for this family")


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple | list) else value
