"""Which files a model consists of, and their checksum; imports no torch, so that a plan can ask."""

from pathlib import Path

from core.checksum import checksum
from core.errors import WeightsError
from core.hashing import fingerprint
from core.weights import (
    CHECKPOINT,
    LORA,
    TAESD,
    VAE,
    VAE_ENDINGS,
    listed,
    located,
    missing,
    on_this_machine,
    weights_checksum,
)
from diffusion.models.outline import outline
from diffusion.models.settings import yaml_beside

NETWORKS = ("unet", "vae", "text_encoder", "text_encoder_2")
SETTINGS = (*NETWORKS, "scheduler", "tokenizer", "tokenizer_2")
WEIGHTS_NAMES = tuple(
    f"{stem}{variant}{suffix}"
    for suffix in (".safetensors", ".bin")
    for variant in ("", ".fp16")
    for stem in ("diffusion_pytorch_model", "model", "pytorch_model")
)

AUTOMATIC, NONE = "automatic", "none"  # autoencoder: one named like the checkpoint; the checkpoint's own
ADAPTER = "adapter_config.json"  # marks the folders of peft
ADAPTER_WEIGHTS = ("adapter_model.safetensors", "adapter_model.bin")
TINY = "taesd"  # autoencoder: the tiny one of the checkpoint's family
TINY_CHANNELS = 4  # of the latents that it is made for
FEW_STEPS = "-few-steps"  # what the name of a checkpoint's LoRA for few steps ends with
HALVES = ("_encoder", "_decoder")  # what the names of the two files of an original TAESD end with


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
    return weights_checksum(path, _folder_files(path) if path.is_dir() else (path,))


def drawing_identity(path: Path) -> str:
    """Changes when the pictures of a model do: with its files, and with the settings beside a single one.

    Raises:
        WeightsError: if files are missing or cannot be read.
    """
    beside = yaml_beside(path)
    return model_identity(path) if beside is None else fingerprint(model_identity(path), checksum((beside,)))


def vae_path(choice: str, checkpoint: Path) -> Path | None:
    """The autoencoder's file or folder; None for the one in the checkpoint.

    Args:
        choice: "none", "automatic" (a file with the checkpoint's stem beside it, else in a VAE folder), "taesd" (the
            tiny one of its family), a name, a path.
        checkpoint: file or folder.

    Raises:
        WeightsError: if there is none of that name.
    """
    if choice.lower() == NONE:
        return None
    if choice.lower() == TINY:
        return tiny_path(checkpoint)
    if choice.lower() != AUTOMATIC:
        return on_this_machine(TAESD, choice, may_be_path=False) or located(VAE, choice)
    if checkpoint.is_dir():
        return None
    beside = (checkpoint.with_name(checkpoint.stem + ending) for ending in VAE_ENDINGS)
    in_folders = (file.path for file in listed(VAE) if file.stem == checkpoint.stem)
    return next((path for path in (*beside, *in_folders) if path.exists()), None)


def tiny_path(checkpoint: Path) -> Path:
    """The tiny autoencoder (TAESD) of a checkpoint's family: its folder, or the decoder of the original two files.

    Raises:
        WeightsError: if there is none, or none can be.
    """
    told = outline(checkpoint)
    if told is None:
        way_out = "Name taesd_decoder (SD 1.x, 2.x) or taesdxl_decoder (XL) yourself"
        raise WeightsError("does not tell its family before it is loaded", where=str(checkpoint), way_out=way_out)
    if told.channels != TINY_CHANNELS:
        way_out = f"Use {AUTOMATIC!r}"
        raise WeightsError(
            f"there is no TAESD for its {told.channels} channels", where=str(checkpoint), way_out=way_out
        )
    whole = "taesdxl" if told.family == "sdxl" else "taesd"
    for name in (whole, whole + HALVES[1]):
        if (found := on_this_machine(TAESD, name, may_be_path=False)) is not None:
            return found
    raise missing(TAESD, whole + HALVES[1])


def quick_vae(model: str, choice: str) -> str:
    """The choice of autoencoder for a preview by a model: the tiny one where there is a whole one, else as it was."""
    try:
        checkpoint = on_this_machine(CHECKPOINT, model)
        tiny = None if checkpoint is None else tiny_path(checkpoint)
    except WeightsError:
        return choice
    is_half = tiny is not None and tiny.stem.endswith(HALVES) and len(vae_files(tiny)) < len(HALVES)
    return choice if tiny is None or is_half else TINY


def quick_lora(model: str) -> str:
    """The name of the LoRA with which a checkpoint draws in few steps: its own with `-few-steps` added; "" for none."""
    name = Path(model).stem + FEW_STEPS
    try:
        return "" if on_this_machine(LORA, name, may_be_path=False) is None else name
    except WeightsError:
        return ""


def vae_files(path: Path) -> tuple[Path, ...]:
    """All files of an autoencoder: of its folder, or the one; both of a TAESD that has a file for each half."""
    if path.is_dir():
        return tuple(sorted(file for file in path.iterdir() if file.is_file()))
    halves = [half for half in HALVES if path.stem.endswith(half)]
    stem = path.stem.removesuffix(halves[0]) if halves else path.stem
    both = (path.with_name(f"{stem}{half}{path.suffix}") for half in HALVES) if halves else (path,)
    return tuple(file for file in both if file.exists() or file == path)


def vae_identity(path: Path) -> str:
    """64 hex digits that change with what the autoencoder is made from.

    Raises:
        WeightsError: if it cannot be read.
    """
    return weights_checksum(path, vae_files(path))


def lora_files(path: Path) -> tuple[Path, ...]:
    """All files that a LoRA consists of: the one, or those of its folder.

    Raises:
        WeightsError: if the folder lacks one.
    """
    return tuple(file for pair in adapter_parts(path).values() for file in pair) if path.is_dir() else (path,)


def adapter_parts(folder: Path) -> dict[str, tuple[Path, Path]]:
    """Settings and weights of a peft adapter, by the network they are for; empty where the keys tell it.

    Raises:
        WeightsError: if there is no such adapter.
    """
    found: dict[str, tuple[Path, Path]] = {}
    for network in ("", "unet", "text_encoder", "text_encoder_2"):
        place = folder / network
        if (place / ADAPTER).is_file():
            weights = next((place / name for name in ADAPTER_WEIGHTS if (place / name).is_file()), None)
            if weights is None:
                raise WeightsError("holds no weights", where=str(place), way_out=f"Expected {ADAPTER_WEIGHTS[0]}")
            found[network] = place / ADAPTER, weights
    if not found:
        raise WeightsError(
            f"holds no {ADAPTER}", where=str(folder), way_out="Give a LoRA's file, or a folder of peft's"
        )
    return found


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
