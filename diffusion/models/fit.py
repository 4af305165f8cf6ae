"""Fit: whether the networks that prompts name suit a checkpoint, layer by layer, without loading either."""

from collections.abc import Iterable
from pathlib import Path

from core.errors import WeightsError
from diffusion.models.hypernetwork import check_fit, load_hypernetwork
from diffusion.models.lora import checked_lora
from diffusion.models.lora_names import targets
from diffusion.models.skeleton import skeleton

Tag = tuple[str, str]  # kind and name of a network in a prompt


def misfits(checkpoint: Path, networks: Iterable[tuple[Tag, Path]]) -> dict[Tag, WeightsError]:
    """What is wrong with networks for a checkpoint, layer by layer; reads headers, and hypernetworks whole.

    Raises:
        WeightsError: for a checkpoint that is damaged or of no known family.
    """
    bones = skeleton(checkpoint)
    layers = targets(bones.unet, bones.encoders)
    found: dict[Tag, WeightsError] = {}
    for tag, path in networks:
        try:
            if tag[0] == "hypernet":
                check_fit(load_hypernetwork(path), bones.unet)
            else:
                checked_lora(path, layers)
        except WeightsError as fault:
            found[tag] = fault
    return found
