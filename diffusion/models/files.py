"""Which files a model consists of, and their checksum; imports no torch, so that a plan can ask."""

from pathlib import Path

from core.checksum import checksum
from core.errors import WeightsError
from core.weights import CHECKPOINT, VAE, VAE_ENDINGS, listed, located

NETWORKS = ("unet", "vae", "text_encoder", "text_encoder_2")
SETTINGS = (*NETWORKS, "scheduler", "tokenizer", "tokenizer_2")
WEIGHTS_NAMES = tuple(
    f"{stem}{variant}{suffix}"
    for suffix in (".safetensors", ".bin")
    for variant in ("", ".fp16")
    for stem in ("diffusion_pytorch_model", "model", "pytorch_model")
)

AUTOMATIC, NONE = "automatic", "none"  # autoencoder: one named like the checkpoint; the checkpoint's own


def model_path(name: str) -> Path:
    """The file or folder of a model by the name the user wrote.

    Raises:
        WeightsError: if there is none.
    """
    return located(CHECKPOINT, name)


def model_identity(path: Path) -> str:
    """64 hex digits that change when anything does that the model is made from.

    Raises:
        WeightsError: if files are missing or cannot be read.
    """
    try:
        return checksum(_folder_files(path) if path.is_dir() else (path,))
    except OSError as fault:
        raise WeightsError(f"cannot be read ({fault.strerror})", where=str(path)) from fault


def vae_path(choice: str, checkpoint: Path) -> Path | None:
    """The autoencoder's file or folder; None for the one in the checkpoint.

    Args:
        choice: "none", "automatic" (a file with the checkpoint's stem beside it, else in a VAE folder), a name, a path.
        checkpoint: file or folder.

    Raises:
        WeightsError: if there is none of that name.
    """
    if choice.lower() == NONE:
        return None
    if choice.lower() != AUTOMATIC:
        return located(VAE, choice)
    if checkpoint.is_dir():
        return None
    beside = (checkpoint.with_name(checkpoint.stem + ending) for ending in VAE_ENDINGS)
    in_folders = (file.path for file in listed(VAE) if file.stem == checkpoint.stem)
    return next((path for path in (*beside, *in_folders) if path.exists()), None)


def vae_identity(path: Path) -> str:
    """64 hex digits that change with what the autoencoder is made from.

    Raises:
        WeightsError: if it cannot be read.
    """
    try:
        return checksum(sorted(file for file in path.iterdir() if file.is_file()) if path.is_dir() else (path,))
    except OSError as fault:
        raise WeightsError(f"cannot be read ({fault.strerror})", where=str(path)) from fault


def weights_files(part: Path) -> tuple[Path, ...]:
    """The weights of one network in its folder: one file (safetensors first), or all pieces of a large one.

    Raises:
        WeightsError: if there are none.
    """
    for name in WEIGHTS_NAMES:
        if (part / name).is_file():
            return (part / name,)
    pieces = tuple(sorted(part.glob("*-of-*.safetensors")))
    if not pieces:
        raise WeightsError("holds no weights", where=str(part), way_out=f"Expected {WEIGHTS_NAMES[0]} or alike")
    return pieces


def _folder_files(folder: Path) -> tuple[Path, ...]:
    """All files of a diffusers folder that a model is made from, in a fixed order."""
    settings = [file for part in SETTINGS for ending in ("json", "txt") for file in (folder / part).glob(f"*.{ending}")]
    weights = [file for part in NETWORKS if (folder / part).is_dir() for file in weights_files(folder / part)]
    return (folder / "model_index.json", *sorted(settings), *weights)
