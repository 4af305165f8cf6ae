"""Which file a control network is, and its checksum; imports no torch, so that a plan can ask."""

from pathlib import Path

from core.checksum import checksum
from core.errors import WeightsError
from core.weights import CHECKPOINT, CONTROLNET, listed, located, on_this_machine
from diffusion.models.files import weights_files

ALSO_CALLED = {
    "soft_edge": ("softedge", "hed", "pidi"),
    "segmentation": ("seg",),
    "scribble": ("sketch",),
    "tile": ("blur",),
    "brightness": ("qr", "luminance", "recolor"),
    "threshold": ("qr",),
}  # what the files of a control's networks have in their names besides the control's own


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
    try:
        return checksum((path / "config.json", *weights_files(path)) if path.is_dir() else (path,))
    except OSError as fault:
        raise WeightsError(f"cannot be read ({fault.strerror})", where=str(path)) from fault


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


def _plain(name: str) -> str:
    return name.lower().replace("_", "").replace("-", "")
