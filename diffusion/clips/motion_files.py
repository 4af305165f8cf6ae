"""Which file a motion module or motion LoRA is, and what its header tells; imports no torch for safetensors."""

from pathlib import Path

from core.errors import WeightsError
from core.weights import LORA, MOTION_MODULE, located, weights_checksum
from diffusion.clips.families import Traits, facts_beside, family_of
from diffusion.clips.names import diffusers_name
from diffusion.models.family import Shapes
from diffusion.models.files import model_path, weights_files
from diffusion.models.header import read_header
from diffusion.models.settings import read_settings

AUTOMATIC = "automatic"  # the module in the model's own folder
OWN_FOLDER = "motion"  # its name there


def motion_path(name: str, model: str, folder: Path = Path()) -> Path:
    """The file or folder of a motion module.

    Args:
        name: "automatic", a diffusers folder, an original file, a name in the models folders, or a hub id.
        model: whose own module is meant by "automatic".
        folder: where relative paths start.

    Raises:
        WeightsError: if there is none.
    """
    if name != AUTOMATIC:
        beside = folder / Path(name).expanduser()
        return beside if beside.exists() else located(MOTION_MODULE, name)
    own = model_path(model) / OWN_FOLDER
    if not own.is_dir():
        raise WeightsError(
            f"{model} has no motion module of its own", way_out="Name one in clip.module, made for its family"
        )
    return own


def lora_path(name: str, folder: Path = Path()) -> Path:
    """The file of a motion LoRA: a path, or a name in the LoRA folders.

    Raises:
        WeightsError: if there is none.
    """
    beside = folder / Path(name).expanduser()
    return beside if beside.is_file() else located(LORA, name)


def motion_identity(path: Path) -> str:
    """64 hex digits that change when the module does.

    Raises:
        WeightsError: if files are missing or cannot be read.
    """
    files = tuple(sorted(path.glob("*.json"))) + weights_files(path) if path.is_dir() else (path,)
    return weights_checksum(path, files)


def traits_of(path: Path) -> Traits:
    """The family of a motion module.

    Raises:
        WeightsError: if it is damaged or something else.
    """
    shapes: dict[str, tuple[int, ...]] = {}
    for file in weights_files(path) if path.is_dir() else (path,):
        for key, shape in _shapes(file).items():
            if (name := diffusers_name(key)) is not None:
                shapes[name] = tuple(shape)
    if not any(key.endswith("proj_in.weight") for key in shapes):
        raise WeightsError(
            "holds no motion module", where=str(path), way_out="Give one of AnimateDiff's kind, a folder or a file"
        )
    positions = read_settings(path / "config.json").get("motion_max_seq_length") if path.is_dir() else None
    if isinstance(positions, int) and not any(key.endswith("pos_embed.pe") for key in shapes):
        shapes["down_blocks.0.motion_modules.0.transformer_blocks.0.pos_embed.pe"] = (1, positions, 1)
    return family_of(shapes, path.name, facts_beside(path) if path.is_dir() else None)


def _shapes(file: Path) -> Shapes:
    if file.suffix.lower() == ".safetensors":
        return read_header(file).shapes
    from diffusion.models.weights_file import open_weights

    return open_weights(file).shapes
