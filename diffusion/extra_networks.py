"""ExtraNetworks: LoRAs and hypernetworks that prompts ask for, laid over a model while it draws."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import cached_property, lru_cache
from pathlib import Path
from typing import NamedTuple

import torch

from diffusion.models.files import lora_files
from diffusion.models.hypernetwork import Hypernetwork, attended, check_fit, load_hypernetwork
from diffusion.models.loaded import LoadedModel
from diffusion.models.lora import load_lora, open_lora
from diffusion.models.lora_names import Layer, Side, Target, targets
from diffusion.models.overlay import Change, Dose, Overlay, overlaid
from diffusion.prompt.embeddings import TextualInversion, bundled_inversions
from diffusion.prompt.language import ExtraNetwork
from diffusion.prompt.named import NamedFiles

KEPT_FILES = 8  # whose tensors stay in memory
SIDES: tuple[Side, ...] = ("unet", "text")


class Use(NamedTuple):
    """One LoRA on one side of a model, and how much of it."""

    path: Path
    changed: int  # time of the file's last change, so that a file put in its place is read
    multiplier: float
    rank: int | None  # use only that many of its ranks


class Bundle(NamedTuple):
    """The file of a LoRA."""

    path: Path
    changed: int  # time of its last change


class ExtraNetworks:
    """Lays networks over one model. Remembers files, and for UNet and text encoders the latest changed weights."""

    def __init__(self, model: LoadedModel, files: NamedFiles) -> None:
        """Extra networks for one model.

        Args:
            model: whose weights are never changed outside of a `with` block of this class.
            files: finds networks by name.
        """
        self._model = model
        self._files = files
        self._changes = lru_cache(maxsize=KEPT_FILES)(self._loaded)
        self.words = lru_cache(maxsize=KEPT_FILES)(bundled_words)
        self._hypernetwork = lru_cache(maxsize=KEPT_FILES)(self._loaded_hypernetwork)
        self._latest: dict[Side, tuple[Sequence[Use], Overlay]] = {}

    @contextmanager
    def applied(self, side: Side, networks: Sequence[ExtraNetwork]) -> Iterator[None]:
        """While open, one side of the model computes with the networks; afterwards not one bit is another.

        Raises:
            WeightsError: for a name that is not there, or a file that is damaged, of another kind, or made for
                another family of models.
        """
        uses = self.uses(side, networks)
        hypernetworks = [network for network in networks if network.kind == "hypernet" and side == "unet"]
        with ExitStack() as stack:
            if uses:
                stack.enter_context(self._overlay(side, uses).applied())
            if hypernetworks:
                doses = [
                    (self._hypernetwork(*self._found(network)), network.unet)
                    for network in hypernetworks
                    if network.unet
                ]
                stack.enter_context(attended(self._model.unet, doses))
            yield

    def uses(self, side: Side, networks: Sequence[ExtraNetwork]) -> tuple[Use, ...]:
        """The LoRAs that act on a side."""
        loras = [
            (network, network.unet if side == "unet" else network.te)
            for network in networks
            if network.kind != "hypernet"
        ]
        return tuple(Use(*self._found(network), weight, network.rank) for network, weight in loras if weight)

    def bundles(self, networks: Sequence[ExtraNetwork]) -> tuple[Bundle, ...]:
        """The files of LoRAs that bring embeddings along."""
        found = (self._found(network) for network in networks if network.kind != "hypernet")
        return tuple(Bundle(*file) for file in found if self.words(Bundle(*file)))

    def _found(self, network: ExtraNetwork) -> tuple[Path, int]:
        path = self._files.network(network.kind, network.name)
        return path, max(file.stat().st_mtime_ns for file in lora_files(path))

    def _overlay(self, side: Side, uses: Sequence[Use]) -> Overlay:
        if side not in self._latest or self._latest[side][0] != uses:
            self._latest.pop(side, None)  # its memory is free before as much is asked for
            self._latest[side] = uses, overlaid(self._doses(side, uses))
        return self._latest[side][1]

    def _doses(self, side: Side, uses: Sequence[Use]) -> Iterator[Dose]:
        for path, changed, multiplier, rank in uses:
            yield from (Dose(change, multiplier, rank) for change in self._changes(path, changed)[side])

    @cached_property
    def _targets(self) -> dict[Layer, Target]:
        return targets(self._model.unet, [part.encoder for part in self._model.text])

    def _loaded(self, path: Path, _changed: int) -> dict[Side, tuple[Change, ...]]:
        """The changes of a file, by the side of the model they are for."""
        with torch.inference_mode(False):  # type: ignore[no-untyped-call]
            changes = load_lora(path, self._targets)
        return {side: tuple(change for change in changes if change.target.side == side) for side in SIDES}

    def _loaded_hypernetwork(self, path: Path, _changed: int) -> Hypernetwork:
        with torch.inference_mode(False):  # type: ignore[no-untyped-call]
            found = load_hypernetwork(path)
        check_fit(found, self._model.unet)
        return found


def bundled_words(bundle: Bundle) -> tuple[TextualInversion, ...]:
    """The embeddings in the file of a LoRA.

    Raises:
        WeightsError: for a file that is damaged, no LoRA, or whose embeddings are none.
    """
    lora = open_lora(bundle.path)
    with torch.inference_mode(False):  # type: ignore[no-untyped-call]
        return bundled_inversions(lora.file.read(lora.words), bundle.path)
