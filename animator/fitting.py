"""Fitting: networks that prompts name against the models that draw them, all at once and before the first picture."""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from core.errors import Fault, WeightsError
from diffusion.models.files import model_path
from diffusion.prompt.named import network_file, wanted
from diffusion.request import PromptMix

Tag = tuple[str, str]  # kind and name of a network


class Draw(NamedTuple):
    """One picture to come, as far as its networks are concerned."""

    place: str  # what a fault is headed with: "frame 12"
    model: str
    prompt: PromptMix


def network_faults(draws: Iterable[Draw]) -> Iterator[Fault]:
    """Networks that are not there, or that do not fit the model they are to be used with; each told once a model.

    Raises:
        UserError: for a tag that is wrong.
    """
    first: dict[str, dict[Tag, str]] = {}  # by model: where each network is used first
    for draw in draws:
        if any("<" in text for text, _ in draw.prompt):
            for network in wanted(draw.prompt):
                first.setdefault(draw.model, {}).setdefault((network.kind, network.name), draw.place)
    if not first:
        return
    from diffusion.models.fit import misfits

    for model, places in first.items():
        found = {}
        for tag, place in places.items():
            try:
                found[tag] = network_file(*tag)
            except WeightsError as fault:
                yield Fault(place, fault.what, fault.way_out)
        for tag, misfit in misfits(model_path(model), found.items()).items():
            what = f"<{tag[0]}:{tag[1]}> with the model {model}: {misfit.what}"
            yield Fault(places[tag], what, misfit.way_out)
