"""Where model files lie: a kind and a name to a path, in folders laid out as the web UI has them, else on the hub."""

import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from core.checksum import checksum, known_checksum, legacy_hash
from core.errors import WeightsError, suggestion

MODELS_VARIABLE = "DRIFTLOOP_MODELS"  # environment: folders that are searched first, separated as in PATH
EMBEDDED = Path(__file__).resolve().parent.parent / "models"
DEEPEST = 8  # folders below a kind's folder that are looked into
SHORTEST_HASH = 8  # hex digits
SHORTEST_PART = 4  # characters of a checkpoint's name

_WITH_HASH = re.compile(r"(.+?)\s*\[([^\[\]]*)\]")
_HASH = re.compile(rf"[0-9a-fA-F]{{{SHORTEST_HASH},64}}")


@dataclass(frozen=True, slots=True)
class ModelKind:
    """One kind of model file: what users call it, where it lies and how it is told from others."""

    name: str  # as in "no checkpoint named ..."
    folders: tuple[str, ...]  # below a models folder, in any case; the web UI's name comes first
    endings: tuple[str, ...]  # of its files, the preferred one first
    marks: tuple[str, ...] = ()  # files that make a folder one of this kind; none: it is always a single file
    not_endings: tuple[str, ...] = ()  # of other kinds that lie in the same folder
    by_part: bool = False  # whether a part of a name is enough, as for checkpoints in the web UI


VAE_ENDINGS = (".vae.safetensors", ".vae.ckpt", ".vae.pt")

CHECKPOINT = ModelKind(
    "checkpoint",
    ("Stable-diffusion", "checkpoints"),
    (".safetensors", ".ckpt"),
    marks=("model_index.json",),
    not_endings=VAE_ENDINGS,
    by_part=True,
)
VAE = ModelKind("VAE", ("VAE",), (*VAE_ENDINGS, ".safetensors", ".ckpt", ".pt"), marks=("config.json",))
LORA = ModelKind(
    "LoRA",
    ("Lora", "LyCORIS", "loras"),
    (".safetensors", ".pt", ".ckpt"),
    marks=("adapter_config.json", "unet/adapter_config.json", "text_encoder/adapter_config.json"),
)
EMBEDDING = ModelKind("embedding", ("embeddings",), (".safetensors", ".pt", ".bin", ".png", ".webp", ".jxl", ".avif"))
HYPERNETWORK = ModelKind("hypernetwork", ("hypernetworks",), (".pt", ".safetensors", ".ckpt"))
CONTROLNET = ModelKind(
    "ControlNet",
    ("ControlNet", "extensions/sd-webui-controlnet/models"),
    (".safetensors", ".pth", ".pt", ".ckpt", ".bin"),
    marks=("config.json",),
)
UPSCALER = ModelKind(
    "upscaler",
    ("ESRGAN", "RealESRGAN", "SwinIR", "ScuNET", "DAT", "HAT", "upscale_models"),
    (".safetensors", ".pth", ".pt", ".ckpt"),
)
FACE_RESTORER = ModelKind(
    "face restorer", ("GFPGAN", "facerestore_models", "RestoreFormer"), (".safetensors", ".pth", ".pt", ".ckpt")
)
RAFT = ModelKind("flow model", (), (".safetensors", ".pth", ".pt"))
FACE_FINDER = ModelKind("face finder", ("faces", "facedetection"), (".onnx",))
MOTION_MODULE = ModelKind(
    "motion module",
    ("AnimateDiff", "extensions/sd-webui-animatediff/model", "animatediff_models", "motion_module"),
    (".safetensors", ".ckpt", ".pth", ".pt"),
    marks=("config.json",),
)
TAESD = ModelKind("TAESD", ("VAE-approx", "vae_approx"), (".safetensors", ".pth", ".pt"), marks=("config.json",))

KINDS = (
    *(CHECKPOINT, VAE, LORA, EMBEDDING, HYPERNETWORK, CONTROLNET, UPSCALER),
    *(FACE_RESTORER, FACE_FINDER, MOTION_MODULE, TAESD),
)


@dataclass(frozen=True)
class ModelFile:
    """One model in the models folders."""

    kind: ModelKind
    path: Path
    name: str  # below the kind's folder, as the web UI shows it: "anime/Counterfeit.safetensors"

    @cached_property
    def bare(self) -> str:
        """The name without its ending: "anime/Counterfeit"."""
        lowered = self.name.lower()
        ending = max((ending for ending in self.kind.endings if lowered.endswith(ending)), key=len, default="")
        return self.name[: len(self.name) - len(ending)] if ending else self.name

    @property
    def stem(self) -> str:
        """The last part of the name without its ending: what people type in a prompt."""
        return self.bare.rpartition("/")[2]

    def is_called(self, name: str) -> bool:
        """Whether people mean this file by a name: any case, with or without folder and ending."""
        last = self.name.rpartition("/")[2]
        return name.lower() in {
            text.lower() for text in (self.name, self.bare, last, self.stem, self.bare.replace("/", "_"))
        }

    def has_hash(self, digits: str) -> bool:
        """Whether its SHA-256 begins with these hex digits, or they are its old hash. May read the whole file."""
        if len(digits) == SHORTEST_HASH and legacy_hash(self.path) == digits.lower():
            return True
        return checksum((self.path,)).startswith(digits.lower())


def weights_checksum(path: Path, files: Sequence[Path]) -> str:
    """64 hex digits that change when any of the files does that something is loaded from.

    Args:
        path: what messages call it: a file, or the folder of the files.
        files: in an order that does not change.

    Raises:
        WeightsError: if files are missing or cannot be read.
    """
    try:
        return checksum(tuple(files))
    except OSError as fault:
        raise WeightsError(f"cannot be read ({fault.strerror})", where=str(path)) from fault


def model_folders() -> tuple[Path, ...]:
    """Folders that hold models, in the order they are searched. Each may be a web UI's folder, or its `models`."""
    own = os.environ.get(MODELS_VARIABLE, "").split(os.pathsep)
    return (*(Path(folder).expanduser() for folder in own if folder), EMBEDDED)


def located(kind: ModelKind, name: str, *, may_be_path: bool = True) -> Path:
    """The file or folder that a name stands for.

    Tried in order: a path that exists; a name in the models folders, with or without its ending, folder or `[hash]`;
    a hash; a part of a checkpoint's name; for what may be a folder, a hub id (`owner/name`) in the hub's cache or
    on the hub.

    Args:
        kind: what it is for.
        name: as the user wrote it.
        may_be_path: whether paths and hub ids count; not for names out of a prompt.

    Raises:
        WeightsError: if there is none, saying where it looked and what comes nearest, or if there are several.
    """
    found = on_this_machine(kind, name, may_be_path=may_be_path)
    if found is not None:
        return found
    if may_be_path and kind.marks and is_hub_id(name):
        return _from_hub(kind, name)
    raise missing(kind, name)


def local_path(name: str, *, purpose: str) -> Path:
    """The file or folder of a model whose kind has no folder of its own: it lies in a models folder itself.

    Args:
        name: path, name or hub id, as the user wrote it.
        purpose: what the model is for, as in "depth model"; used in messages.

    Raises:
        WeightsError: if there is none.
    """
    endings = (".safetensors", ".pth", ".pt", ".ckpt", ".bin")
    return located(ModelKind(purpose, (), endings, marks=("config.json", "model.safetensors")), name)


def on_this_machine(kind: ModelKind, name: str, *, may_be_path: bool = True) -> Path | None:
    """What `located` gives, without the hub; None if there is no such file.

    Raises:
        WeightsError: if several files have that name.
    """
    if not name.strip() or "\0" in name:
        return None
    if may_be_path and _exists(given := Path(name).expanduser()):
        return given
    whole = name.strip().replace("\\", "/")
    match = _WITH_HASH.fullmatch(whole)
    bare, digits = (match[1], match[2]) if match else (whole, "")
    for folder in model_folders() if may_be_path or "/" not in whole else ():
        direct = _direct(kind, folder, whole) or _direct(kind, folder, bare)
        if direct is not None:
            return direct
    files = listed(kind)
    by_hash = _hashed(files, whole) if _HASH.fullmatch(whole) else None
    return _called(files, whole) or _called(files, bare, digits) or by_hash or _by_part(kind, files, bare)


def listed(kind: ModelKind) -> tuple[ModelFile, ...]:
    """All models of a kind in the models folders, sorted by name; a path is listed once."""
    files: dict[Path, ModelFile] = {}
    for top in kind_folders(kind):
        is_root = top in model_folders()
        for path in _walk(kind, top, deepest=1 if is_root else DEEPEST):
            files.setdefault(path.resolve(), ModelFile(kind, path, path.relative_to(top).as_posix()))
    return tuple(sorted(files.values(), key=lambda file: file.name.lower()))


def kind_folders(kind: ModelKind) -> tuple[Path, ...]:
    """The folders of this kind that exist. Checkpoints may lie in the models folder itself, too."""
    found: dict[Path, Path] = {}
    for root in model_folders():
        bases = [root, root / "models", *([root.parent] if root.name.lower() == "models" else [])]
        tops = [_child(base, folder) for base in bases for folder in kind.folders]
        for top in (*tops, root if kind is CHECKPOINT else None):
            if top is not None and top.is_dir():
                found.setdefault(top.resolve(), top)
    return tuple(found.values())


def is_hub_id(name: str) -> bool:
    """Whether a name reads as owner/name."""
    return bool(re.fullmatch(r"[\w.-]+/[\w.-]+", name)) and not name.lower().endswith(
        (".safetensors", ".ckpt", ".pt", ".pth", ".bin")
    )


def is_in_hub_cache(name: str) -> bool:
    """Whether a hub repository was downloaded before."""
    from huggingface_hub import try_to_load_from_cache

    return is_hub_id(name) and isinstance(try_to_load_from_cache(name, "config.json"), str)


def missing(kind: ModelKind, name: str) -> WeightsError:
    """The error for a name that stands for nothing: where it looked, and what comes nearest."""
    names = list(dict.fromkeys(file.stem for file in listed(kind)))
    folders = kind_folders(kind)
    empty = f" (no folder {kind.folders[0]} there)" if kind.folders and not folders else ""
    looked = ", ".join(map(str, folders or model_folders())) + empty
    return WeightsError(
        f"no {kind.name} named {name[:100]!r}; looked in {looked}",
        way_out=f"{suggestion(name, names)}. Give such a name, a path, or a folder with models as --models-dir",
    )


def _direct(kind: ModelKind, folder: Path, name: str) -> Path | None:
    """The model of that very name in a models folder itself, whatever its layout."""
    for ending in ("", *kind.endings):
        path = folder / f"{name}{ending}"
        if not _exists(path) or not path.resolve().is_relative_to(folder.resolve()):
            continue
        if _is_model_folder(kind, path) or (path.is_file() and path.name.lower().endswith(kind.endings)):
            return path
    return None


def _called(files: Sequence[ModelFile], name: str, digits: str = "") -> Path | None:
    """The file of that name: the one with the hash, else in the first folder, least deep, of the preferred ending.

    Raises:
        WeightsError: if two are equally good.
    """
    called = sorted((file for file in files if file.is_called(name)), key=_rank)
    if len(called) > 1 and _HASH.fullmatch(digits) and (found := _hashed(called, digits)):
        return found
    best = [file for file in called if _rank(file) == _rank(called[0])]
    if len(best) > 1:
        raise WeightsError(
            f"several are named {name!r}: {', '.join(file.name for file in best)}", way_out="Give the folder too"
        )
    return best[0].path if best else None


def _rank(file: ModelFile) -> tuple[int, int, int]:
    roots = model_folders()
    root = next((n for n, folder in enumerate(roots) if file.path.is_relative_to(folder)), len(roots))
    ending = next((n for n, ending in enumerate(file.kind.endings) if file.name.lower().endswith(ending)), 0)
    return root, file.name.count("/"), ending


def _hashed(files: Sequence[ModelFile], digits: str) -> Path | None:
    """The file whose hash begins with these digits; those whose hash is remembered are looked at first."""
    single = [file for file in files if file.path.is_file()]
    for file in single:
        if (known_checksum(file.path) or "").startswith(digits.lower()):
            return file.path
    return next((file.path for file in single if file.has_hash(digits)), None)


def _by_part(kind: ModelKind, files: Sequence[ModelFile], name: str) -> Path | None:
    """The shortest name that holds the text, as in the web UI; a few letters would mean anything."""
    if not kind.by_part or len(name) < SHORTEST_PART:
        return None
    holding = [file for file in files if name.lower() in file.name.lower()]
    return min(holding, key=lambda file: (len(file.name), file.name)).path if holding else None


def _walk(kind: ModelKind, top: Path, *, deepest: int) -> Iterator[Path]:
    """Models of a kind in a folder and below; links are followed, circles end."""
    seen: set[Path] = set()
    for place, folders, names in os.walk(top, followlinks=True):
        here = Path(place)
        if here.resolve() in seen:
            folders.clear()
            continue
        seen.add(here.resolve())
        whole = [name for name in folders if _is_model_folder(kind, here / name)]
        yield from (here / name for name in whole)
        is_deep = len(here.relative_to(top).parts) + 1 >= deepest
        folders[:] = [] if is_deep else sorted({*folders} - {*whole} - {name for name in folders if name[0] == "."})
        for name in sorted(names):
            lowered = name.lower()
            if lowered.endswith(kind.endings) and not lowered.endswith(kind.not_endings) and name[0] != ".":
                yield here / name


def _is_model_folder(kind: ModelKind, path: Path) -> bool:
    return path.is_dir() and any((path / mark).is_file() for mark in kind.marks)


def _child(base: Path, folder: str) -> Path | None:
    """A folder below another, its name compared without case: people write lora and Lora."""
    for part in folder.split("/"):
        try:
            entries = sorted(base.iterdir())
        except OSError:
            return None
        child = next((entry for entry in entries if entry.name.lower() == part.lower()), None)
        if child is None:
            return None
        base = child
    return base


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except (OSError, ValueError, RuntimeError):  # too long, not to be entered, no such user
        return False


def _from_hub(kind: ModelKind, name: str) -> Path:
    """A hub repository as a local folder: cached, else downloaded."""
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError

    wanted = ["*.json", "*.txt", "*.safetensors", "*.model"]
    try:
        return Path(snapshot_download(name, allow_patterns=wanted))
    except (LocalEntryNotFoundError, HfHubHTTPError, HFValidationError, OSError) as fault:
        raise WeightsError(
            f"the {kind.name} {name!r} is neither on this machine nor to be had from the hub ({type(fault).__name__})",
            way_out="Connect to the network once, or download the folder elsewhere and give its path",
        ) from fault
