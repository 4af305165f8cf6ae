"""Which file a control network is, and its checksum; imports no torch, so that a plan can ask."""

import json
from pathlib import Path

from core.errors import WeightsError
from core.weights import CHECKPOINT, CONTROLNET, listed, located, on_this_machine, weights_checksum
from diffusion.models.files import weights_files
from diffusion.models.header import read_header

ALSO_CALLED = {
    "soft_edge": ("softedge", "hed", "pidi"),
    "segmentation": ("seg",),
    "scribble": ("sketch",),
    "tile": ("blur",),
    "brightness": ("qr", "luminance", "recolor"),
    "threshold": ("qr",),
}  # what the files of a control's networks have in their names besides the control's own
LOOKERS = ("input_hint_block.0.weight", "controlnet_cond_embedding.conv_in.weight")  # first layers that see a hint
IMAGE_PROMPT = "ip_adapter."  # how tensors of an IP-Adapter are called
ENCODERS = ("image_encoder", "../image_encoder", "../models/image_encoder", "../clip_vision")  # beside its file
READERS = ("attn2.to_k.weight", "attn2.to_k.down")  # tensors as wide as the text, the second of a ControlLoRA


def control_path(name: str) -> Path:
    """The file or folder of a control network by the name the user wrote.

    Raises:
        WeightsError: if there is none.
    """
    return located(CONTROLNET, name)


def control_identity(path: Path) -> str:
    """64 hex digits that change when the weights do.

    Raises:
        WeightsError: if files are missing or cannot be read.
    """
    if path.is_dir():
        return weights_checksum(path, _folder_files(path))
    eyes = image_encoder(path)
    return weights_checksum(path, (path, *(() if eyes is None else _folder_files(eyes))))


def image_encoder(path: Path) -> Path | None:
    """The folder of the CLIP that sees pictures for an IP-Adapter's file; None if there is none, or it is another file.

    Raises:
        WeightsError: if a safetensors file is damaged.
    """
    folders = ((path.parent / place).resolve() for place in ENCODERS)
    folder = next((folder for folder in folders if (folder / "config.json").is_file()), None)
    if folder is None or path.suffix.lower() != ".safetensors":
        return folder  # what a pickled file is, is not told before it is loaded
    return folder if any(key.startswith(IMAGE_PROMPT) for key in read_header(path).shapes) else None


def hint_channels(path: Path) -> int | None:
    """How many channels of a hint a control network looks at; None where neither settings nor header tell.

    Raises:
        WeightsError: if a safetensors file is damaged.
    """
    if path.is_dir():
        return _whole_number(path / "config.json", "conditioning_channels")
    if path.suffix.lower() != ".safetensors":
        return None
    shapes = read_header(path).shapes
    return next((shape[1] for key, shape in shapes.items() if key.endswith(LOOKERS) and len(shape) == 4), None)


def network_for(control: str, model: str) -> str:
    """The network of a control where the user names none: the model's own, else the only one that is called so.

    Args:
        control: name of a control.
        model: what draws, as the user wrote it. A model folder may hold `controlnet-canny` and the like.

    Raises:
        WeightsError: if there is none, or more than one.
    """
    base = on_this_machine(CHECKPOINT, model)
    own = base / f"controlnet-{control}" if base is not None else None
    if own is not None and (own / "config.json").is_file():
        return str(own)
    words = (control.replace("_", ""), *ALSO_CALLED.get(control, ()))
    fitting = [file for file in listed(CONTROLNET) if any(word in _plain(file.name) for word in words)]
    if len(fitting) == 1:
        return str(fitting[0].path)
    if fitting:
        names = ", ".join(file.name for file in fitting[:8])
        raise WeightsError(f"several networks may be for the control {control}: {names}", way_out="Name one as model")
    known = ", ".join(file.name for file in listed(CONTROLNET)[:8])
    raise WeightsError(
        f"no network for the control {control} came with {model}, and none in a folder ControlNet is called so",
        way_out=f"Name one as model{f', such as {known}' if known else ': a file, a folder, a hub id'}",
    )


def text_width(path: Path) -> int | None:
    """How wide the text is that a model or control network looks at; None where neither settings nor header tell.

    Raises:
        WeightsError: if a safetensors file is damaged.
    """
    for settings in (path / "unet" / "config.json", path / "config.json"):
        if settings.is_file():
            return _whole_number(settings, "cross_attention_dim")
    if path.suffix.lower() != ".safetensors":
        return None
    shapes = read_header(path).shapes
    return next((shape[-1] for key, shape in shapes.items() if key.endswith(READERS) and len(shape) == 2), None)


def _folder_files(folder: Path) -> tuple[Path, ...]:
    """Settings and weights of a network."""
    return folder / "config.json", *weights_files(folder)


def _whole_number(settings: Path, name: str) -> int | None:
    """A number in a file of settings; None if it is not there."""
    try:
        found = json.loads(settings.read_text(encoding="utf-8")).get(name)
    except (OSError, ValueError, AttributeError):
        return None
    return found if isinstance(found, int) else None


def _plain(name: str) -> str:
    return name.lower().replace("_", "").replace("-", "")
