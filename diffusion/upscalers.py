"""Everything that makes pictures larger, by name: latent modes, plain resampling, networks in the models folders.

Imports no torch, so that a plan can ask what there is.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from core.errors import UnknownName
from core.image import resized
from core.weights import UPSCALER, listed, located, on_this_machine, weights_checksum

if TYPE_CHECKING:
    from diffusion.canvas import Enlarge

Interpolation = Literal["bilinear", "bicubic", "nearest", "nearest-exact"]


@dataclass(frozen=True, slots=True)
class LatentMode:
    """One way to enlarge a latent."""

    interpolation: Interpolation
    antialias: bool = False


@dataclass(frozen=True, slots=True)
class TileRules:
    """How a picture is cut for a network, so that memory stays bounded whatever its size."""

    side: Annotated[int, Field(ge=0, le=4096)] = 192  # pixels 0..4096 of a tile before it is enlarged; 0: the whole
    overlap: Annotated[int, Field(ge=0, le=512)] = 8  # pixels 0..512 that neighbours share, less than the side


LATENT_MODES: Mapping[str, LatentMode] = {
    "Latent": LatentMode("bilinear"),
    "Latent (antialiased)": LatentMode("bilinear", antialias=True),
    "Latent (bicubic)": LatentMode("bicubic"),
    "Latent (bicubic antialiased)": LatentMode("bicubic", antialias=True),
    "Latent (nearest)": LatentMode("nearest"),
    "Latent (nearest-exact)": LatentMode("nearest-exact"),
}
PLAIN: Mapping[str, "Enlarge"] = {
    "None": lambda image, size: resized(image, size, "lanczos"),
    "Lanczos": lambda image, size: resized(image, size, "lanczos"),
    "Nearest": lambda image, size: resized(image, size, "nearest"),
}
SHOWN_AS: Mapping[str, str] = {
    "R-ESRGAN 4x+": "RealESRGAN_x4plus",
    "R-ESRGAN 4x+ Anime6B": "RealESRGAN_x4plus_anime_6B",
    "R-ESRGAN General 4xV3": "realesr-general-x4v3",
    "R-ESRGAN General WDN 4xV3": "realesr-general-wdn-x4v3",
    "R-ESRGAN AnimeVideo": "realesr-animevideov3",
    "R-ESRGAN 2x+": "RealESRGAN_x2plus",
    "ScuNET GAN": "scunet_color_real_gan",
    "ScuNET PSNR": "scunet_color_real_psnr",
    "SwinIR 4x": "SwinIR_4x",
    "DAT x2": "DAT_x2",
    "DAT x3": "DAT_x3",
    "DAT x4": "DAT_x4",
}  # what the web UI calls files that it fetches by itself


def names() -> tuple[str, ...]:
    """Upscalers of pictures: the plain ones, then the files in the models folders by what the web UI shows."""
    return tuple(dict.fromkeys((*PLAIN, *(_web_ui_name(file.stem) for file in listed(UPSCALER)))))


def network_path(name: str) -> Path | None:
    """The file of an upscaler by name or path; None for those that need none.

    Raises:
        UnknownName: if there is none, with the nearest.
    """
    if plain_name(name) is not None:
        return None
    known = {shown.lower(): stem for shown, stem in SHOWN_AS.items()}
    for candidate in (name, known.get(name.strip().lower(), "")):
        if on_this_machine(UPSCALER, candidate) is not None:
            return located(UPSCALER, candidate)
    raise UnknownName("upscaler", name[:100], names())


def plain_name(name: str) -> str | None:
    """The upscaler without a network of that name, in any case."""
    return next((plain for plain in PLAIN if plain.lower() == name.strip().lower()), None)


def latent_mode(name: str) -> LatentMode | None:
    """The latent mode of that name, in any case; None if it is none."""
    found = (mode for key, mode in LATENT_MODES.items() if key.lower() == name.strip().lower())
    return next(found, None)


def shown_name(name: str) -> str:
    """What the web UI calls an upscaler, latent mode or file, however it was named here."""
    plain = next((known for known in (*LATENT_MODES, *PLAIN) if known.lower() == name.strip().lower()), None)
    if plain is not None:
        return plain
    found = on_this_machine(UPSCALER, name)
    last = name.strip().replace("\\", "/").rpartition("/")[2]
    stem = found.stem if found is not None else re.sub(r"\.(?:safetensors|pth|pt|ckpt)$", "", last)
    return _web_ui_name(stem)


def _web_ui_name(stem: str) -> str:
    """What the web UI calls the file with that stem."""
    shown = {known.lower(): shown for shown, known in SHOWN_AS.items()}
    whole = {known.lower(): known for known in SHOWN_AS}
    return shown.get(stem.lower()) or whole.get(stem.lower(), stem)


def check_name(name: str) -> None:
    """Raises UnknownName for what is neither a latent mode nor an upscaler of pictures."""
    if latent_mode(name) is not None:
        return
    try:
        network_path(name)
    except UnknownName as fault:
        raise UnknownName("upscaler", name[:100], (*LATENT_MODES, *names())) from fault


def identity(name: str) -> str:
    """Changes with the file behind an upscaler; empty where there is none.

    Raises:
        UnknownName: if there is none.
    """
    path = None if latent_mode(name) is not None else network_path(name)
    return "" if path is None else weights_checksum(path, (path,))
