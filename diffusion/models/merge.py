"""Checkpoints mixed into one, tensor by tensor, by the formulas of the web UI."""

import json
import re
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

import torch
from torch import Tensor

from core.checksum import checksum, legacy_hash
from core.errors import UserError, WeightsError
from diffusion.models.tensor_stream import Entry, TensorStream, opened, write_safetensors

Method = Literal["none", "sum", "difference"]
METHODS: dict[Method, str] = {"none": "No interpolation", "sum": "Weighted sum", "difference": "Add difference"}
NEEDED: dict[Method, int] = {"none": 1, "sum": 2, "difference": 3}  # checkpoints
AUTOENCODER = "first_stage_model."
LATENT = 4  # channels that a special UNet shares with a plain one
SPECIAL = {9: "inpainting", 8: "instruct-pix2pix"}  # channels its first layer sees


@dataclass(frozen=True, slots=True)
class Recipe:
    """What is mixed, and how."""

    sources: tuple[Path, ...]  # A, B, C: as many as the method needs
    method: Method = "sum"  # none: A. sum: A (1 - ratio) + B ratio. difference: A + (B - C) ratio
    ratio: float = 0.3  # 0..1
    half: bool = False  # write float16
    vae: Path | None = None  # autoencoder that is put in
    discard: str = ""  # regular expression; tensors whose name it is found in are left out
    name: str = ""  # put into the metadata; empty: made of the sources' names

    def check(self) -> None:
        """Raises UserError if this is no recipe."""
        if self.method not in get_args(Method):
            raise UserError(f"no method {self.method!r}", where="--method", way_out=f"Known: {', '.join(METHODS)}")
        if len(self.sources) != NEEDED[self.method]:
            what = f"{len(self.sources)} checkpoints for {METHODS[self.method].lower()}"
            raise UserError(what, way_out=f"It takes {NEEDED[self.method]}")
        if not 0 <= self.ratio <= 1:
            raise UserError(f"{self.ratio:g} is out of range", where="--ratio", way_out="Allowed: 0 to 1")
        try:
            re.compile(self.discard)
        except re.error as fault:
            raise UserError(f"{self.discard!r} is no regular expression ({fault})", where="--discard") from fault

    @property
    def title(self) -> str:
        """The name the web UI would give."""
        if self.name or self.method == "none":
            return self.name or self.sources[0].stem
        a, *others = (path.stem for path in self.sources)
        share = f"{self.ratio:g}"
        return (
            f"{1 - self.ratio:g}({a}) + {share}({others[0]})"
            if len(others) == 1
            else (f"{a} + {share}({others[0]} - {others[1]})")
        )


def merge(recipe: Recipe, target: Path) -> None:
    """Writes the mixed checkpoint as .safetensors, its recipe in the metadata. Memory holds a few tensors at a time.

    Only tensors that A and B share are mixed; what B has alone is left out. An inpainting or instruct UNet as A is
    mixed with a plain B in the channels of the latent, and stays what it is.

    Raises:
        UserError: for a recipe that is none.
        WeightsError: for files that are damaged or do not fit together.
    """
    recipe.check()
    if target.suffix.lower() != ".safetensors":
        raise UserError(f"{target.name} is no .safetensors file", where="--out", way_out="Merged files are safetensors")
    with ExitStack() as stack:
        sources = tuple(stack.enter_context(opened(path)) for path in recipe.sources)
        vae = stack.enter_context(opened(recipe.vae)) if recipe.vae else None
        mixer = Mixer(recipe, sources, vae)
        mixer.check()
        entries = mixer.entries()
        write_safetensors(target, entries, map(mixer.tensor, entries), mixer.metadata())


@dataclass(frozen=True, slots=True)
class Mixer:
    """A recipe with its files open."""

    recipe: Recipe
    sources: tuple[TensorStream, ...]
    vae: TensorStream | None

    def check(self) -> None:
        """Raises WeightsError if the files do not fit together; looks at their headers alone."""
        first = self.sources[0]
        if self.recipe.method != "none" and not any(self._is_mixed(key) for key in first.entries):
            raise WeightsError(
                f"has no tensor in common with {first.path}",
                where=str(self.sources[1].path),
                way_out="Give checkpoints",
            )
        for key in filter(self._is_mixed, first.entries):
            for other in self.sources[1:]:
                if key in other.entries and not self._fits(first.entries[key], other.entries[key]):
                    raise WeightsError(
                        f"{key} is {other.entries[key].shape}, expected {first.entries[key].shape} as in {first.path}",
                        where=str(other.path),
                        way_out="Only checkpoints of one family mix; an inpainting checkpoint must be the first",
                    )
        if self.vae is not None and not any(self._baked(key) for key in first.entries):
            raise WeightsError("holds no autoencoder for this checkpoint", where=str(self.vae.path))

    def entries(self) -> list[Entry]:
        """All tensors of the result."""
        kept = (
            entry
            for entry in self.sources[0].entries.values()
            if not (self.recipe.discard and re.search(self.recipe.discard, entry.key))
        )
        half = torch.float16
        return [
            Entry(entry.key, entry.shape, half) if self.recipe.half and entry.dtype.is_floating_point else entry
            for entry in kept
        ]

    def tensor(self, entry: Entry) -> Tensor:
        """One tensor of the result.

        Raises:
            WeightsError: if it is not finite.
        """
        baked = self._baked(entry.key)
        if self.vae is not None and baked:
            mixed = self.vae.read(baked)
        else:
            mixed = self._mixed(entry.key) if self._is_mixed(entry.key) else self.sources[0].read(entry.key)
        made = mixed.to(entry.dtype)
        if made.is_floating_point() and not bool(torch.isfinite(made).all()):
            raise WeightsError(
                f"{entry.key} has NaN or infinity, or numbers too large for {str(entry.dtype).removeprefix('torch.')}",
                where=" + ".join(source.path.name for source in self.sources),
                way_out="A source is damaged; or leave out --half",
            )
        return made

    def metadata(self) -> dict[str, str]:
        """What the file tells of how it was made, as the web UI writes it, on top of what its sources tell."""
        sums = [checksum((source.path,)) for source in self.sources]
        padded = [*sums, None, None][:3]
        special = self._special()
        recipe = {
            "type": "webui",
            "primary_model_hash": padded[0],
            "secondary_model_hash": padded[1],
            "tertiary_model_hash": padded[2],
            "interp_method": METHODS[self.recipe.method],
            "multiplier": self.recipe.ratio,
            "save_as_half": self.recipe.half,
            "custom_name": self.recipe.title,
            "config_source": 0,
            "bake_in_vae": self.recipe.vae.name if self.recipe.vae else "None",
            "discard_weights": self.recipe.discard,
            "is_inpainting": special == "inpainting",
            "is_instruct_pix2pix": special == "instruct-pix2pix",
        }
        models = {
            digits: {
                "name": source.path.name,
                "legacy_hash": legacy_hash(source.path),
                "sd_merge_recipe": source.metadata.get("sd_merge_recipe"),
            }
            for digits, source in zip(sums, self.sources, strict=True)
        }
        told = {key: text for source in reversed(self.sources) for key, text in source.metadata.items()}
        made = {"sd_merge_recipe": json.dumps(recipe), "sd_merge_models": json.dumps(models)}
        return {"format": "pt", **told, **made}

    def _mixed(self, key: str) -> Tensor:
        """A tensor by the formula, in float32."""
        whole = self.sources[0].read(key).float()
        other = self.sources[1].read(key).float()
        a = whole[:, :LATENT] if whole.shape != other.shape else whole
        if self.recipe.method == "sum":
            a.copy_(torch.lerp(a, other, self.recipe.ratio))
        elif key in self.sources[2].entries:  # what C lacks adds no difference
            minus = self.sources[2].read(key).float()
            a.add_(other - minus, alpha=self.recipe.ratio)
        return whole

    def _is_mixed(self, key: str) -> bool:
        if self.recipe.method == "none" or "model" not in key or key.endswith("position_ids"):
            return False
        return key in self.sources[1].entries and self.sources[0].entries[key].dtype.is_floating_point

    def _baked(self, key: str) -> str:
        """The name in the autoencoder's file of what replaces a tensor; empty if nothing does."""
        if self.vae is None or not key.startswith(AUTOENCODER):
            return ""
        bare = key.removeprefix(AUTOENCODER)
        return next((name for name in (bare, key) if self._has_vae(name, key)), "")

    def _has_vae(self, name: str, key: str) -> bool:
        assert self.vae is not None
        return name in self.vae.entries and self.vae.entries[name].shape == self.sources[0].entries[key].shape

    @staticmethod
    def _fits(ours: Entry, other: Entry) -> bool:
        """Whether two tensors mix: of one shape, or a special UNet's first layer and a plain one's."""
        if ours.shape == other.shape:
            return True
        is_first_layer = len(ours.shape) == len(other.shape) == 4 and ours.shape[1] in SPECIAL
        return is_first_layer and (ours.shape[0], LATENT, *ours.shape[2:]) == other.shape

    def _special(self) -> str:
        """What kind of special UNet A has; empty for a plain one."""
        first = self.sources[0].entries.get("model.diffusion_model.input_blocks.0.0.weight")
        return SPECIAL.get(first.shape[1], "") if first is not None and len(first.shape) == 4 else ""


def measured_dtypes(stream: TensorStream) -> Iterator[tuple[str, int]]:
    """Each kind of number in a file with the bytes it takes."""
    kinds = {entry.dtype for entry in stream.entries.values()}
    for kind in sorted(kinds, key=str):
        yield str(kind).removeprefix("torch."), sum(e.size for e in stream.entries.values() if e.dtype == kind)
