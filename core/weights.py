"""A model name to local files: a path, a folder of the models directory, the hub's cache, the hub."""

import os
from pathlib import Path

from core.errors import WeightsError

MODELS_VARIABLE = "DRIFTLOOP_MODELS"  # environment: a further folder that is searched first
EMBEDDED = Path(__file__).resolve().parent.parent / "models"


def model_folders() -> tuple[Path, ...]:
    """Folders searched for models by name, in order."""
    own = os.environ.get(MODELS_VARIABLE)
    return (*((Path(own).expanduser(),) if own else ()), EMBEDDED)


def local_path(name: str, *, purpose: str) -> Path:
    """The file or folder a model name stands for.

    Tried in order: a path that exists; a file or folder of that name in the models folders;
    a hub id (`owner/name`) in the hub's cache; a download from the hub.

    Args:
        name: path, name or hub id, as the user wrote it.
        purpose: what the model is for, as in "depth model"; used in messages.

    Raises:
        WeightsError: if nothing is found, saying where it looked and what to do.
    """
    given = Path(name).expanduser()
    if given.exists():
        return given
    looked = [given]
    for folder in model_folders():
        for candidate in (folder / name, folder / f"{name}.safetensors", folder / f"{name}.ckpt"):
            if candidate.resolve().is_relative_to(folder.resolve()) and candidate.exists():
                return candidate
            looked.append(candidate)
    if name.count("/") == 1 and given.suffix.lower() not in {".safetensors", ".ckpt", ".pt", ".pth"}:
        return _from_hub(name, purpose)
    raise WeightsError(
        f"no {purpose} {name!r}; looked at {', '.join(str(path) for path in looked)}",
        way_out=f"Give a file, a folder, a hub id (owner/name), or put it into a folder named by {MODELS_VARIABLE}",
    )


def _from_hub(name: str, purpose: str) -> Path:
    """A hub repository as a local folder: cached, else downloaded."""
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError

    wanted = ["*.json", "*.txt", "*.safetensors", "*.model"]
    try:
        return Path(snapshot_download(name, allow_patterns=wanted))
    except (LocalEntryNotFoundError, HfHubHTTPError, HFValidationError, OSError) as fault:
        raise WeightsError(
            f"the {purpose} {name!r} is neither on this machine nor to be had from the hub ({type(fault).__name__})",
            way_out="Connect to the network once, or download the folder elsewhere and give its path",
        ) from fault
