"""Adapters: LoRAs in the folders that peft writes, settings beside weights; one folder, or one for each network."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from torch import Tensor

from core.errors import WeightsError
from diffusion.models.files import ADAPTER, adapter_parts
from diffusion.models.settings import read_settings
from diffusion.models.weights_file import WeightsFile, open_weights

ALPHAS = {"LORA": "lora_alpha", "LOHA": "alpha", "LOKR": "alpha"}  # peft_type: what it calls its alpha
SAME_NAME = ("r", "alpha_pattern", "rank_pattern", "use_rslora")
PREFIX = "base_model.model."


def open_adapter(folder: Path) -> tuple[WeightsFile, dict[str, Any]]:
    """The weights of an adapter as if they lay in one file, and its settings as diffusers writes them into headers.

    Raises:
        WeightsError: for anything missing, damaged, or of a kind that is not known.
    """
    files: dict[str, WeightsFile] = {}
    settings: dict[str, Any] = {}
    for network, (stated, weights) in adapter_parts(folder).items():
        files[network] = open_weights(weights)
        for name in (network,) if network else ("unet", "text_encoder", "text_encoder_2"):
            settings |= _flat(name, stated)
    places = {_key(network, key): (file, key) for network, file in files.items() for key in file.shapes}
    shapes = {name: file.shapes[key] for name, (file, key) in places.items()}

    def read(names: Iterable[str]) -> dict[str, Tensor]:
        return {name: file.read([key])[key] for name, (file, key) in ((name, places[name]) for name in names)}

    return WeightsFile(folder, shapes, {}, read), settings


def _key(network: str, key: str) -> str:
    """The name of a tensor with the network that its folder stands for."""
    return f"{network}.{key.removeprefix(PREFIX)}" if network else key


def _flat(network: str, stated: Path) -> Mapping[str, Any]:
    """What `adapter_config.json` says of a network, by dotted names."""
    given = read_settings(stated)
    kind = str(given.get("peft_type"))
    if kind not in ALPHAS:
        raise WeightsError(
            f"an adapter of type {kind[:40]!r}", where=str(stated), way_out=f"Known: {', '.join(ALPHAS)}"
        )
    own = {name: given[name] for name in SAME_NAME if name in given}
    if given.get(ALPHAS[kind]) is None:
        raise WeightsError(f"says no {ALPHAS[kind]}", where=str(stated), way_out=f"Get {ADAPTER} again")
    return {f"{network}.{name}": value for name, value in {**own, "lora_alpha": given[ALPHAS[kind]]}.items()}
