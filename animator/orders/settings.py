"""Settings of an order by the names people know them by: in infotexts, on the axes of grids, in files of prompts."""

import dataclasses
import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Literal

from animator.fields import LARGEST_SIDE, SMALLEST_SIDE, SPANS, Span
from animator.orders.order import Order
from core.errors import Fault, UnknownName, UserError, suggestion
from core.image import Size
from core.seeds import SEED_RANGE
from diffusion.request import Hires, Refiner
from diffusion.sampling.names import SCHEDULES, resolve
from diffusion.upscalers import check_name, network_path

Kind = Literal["int", "float", "bool", "text", "size", "list"]
Words = Mapping[
    str, Any
]  # as infotexts write it (people in any case) to what it stands for; the first of a meaning is written
SECTIONS: Mapping[str, Any] = {"hires": Hires(), "refiner": Refiner("")}  # parts that an order has once they are set
YES_NO: Words = {
    "true": True,
    "yes": True,
    "on": True,
    "1": True,
    "false": False,
    "no": False,
    "off": False,
    "0": False,
}


@dataclass(frozen=True, slots=True)
class Setting:
    """One thing that can be set by name."""

    label: str  # as in infotexts
    name: str  # as typed
    places: tuple[str, ...]  # of the order: "sampling.steps"
    kind: Kind = "float"
    span: Span | None = None  # of numbers
    aliases: tuple[str, ...] = ()
    words: Words = field(default_factory=dict)  # the only ones it may be, unless empty

    def value(self, text: str) -> Any:
        """What a text stands for.

        Raises:
            UserError: if it is no such value, or out of range.
        """
        if self.words:
            known = {word.lower(): meaning for word, meaning in self.words.items()}
            if text.strip().lower() not in known:
                raise UnknownName(self.name, text, tuple(self.words))
            return known[text.strip().lower()]
        match self.kind:
            case "int" | "float":
                return self._number(text)
            case "bool":
                return self._yes_or_no(text)
            case "size":
                return self._size(text)
            case "list":
                return tuple(part.strip() for part in text.split(",") if part.strip())
            case "text":
                return text

    def shown(self, value: Any) -> str:
        """The value as it is written into infotexts."""
        for word, meaning in self.words.items():
            if meaning == value:
                return word
        if isinstance(value, bool):
            return str(value)
        if isinstance(value, int | float):
            return str(int(value)) if self.kind == "int" else f"{value:.10g}"
        return ", ".join(value) if self.kind == "list" else str(value)

    def _number(self, text: str) -> float | int:
        try:
            value = float(text)
        except ValueError:
            value = math.nan
        is_whole = value.is_integer() or self.kind == "float"
        if not math.isfinite(value) or not is_whole or (self.span is not None and value not in self.span):
            expected = "a whole number" if self.kind == "int" else "a number"
            within = f" {self.span}" if self.span else ""
            raise UserError(f"expected {expected}{within}, got {text.strip()[:40]!r}")
        return int(value) if self.kind == "int" else value

    def _yes_or_no(self, text: str) -> bool:
        if text.strip().lower() not in YES_NO:
            raise UserError(f"expected true or false, got {text.strip()[:40]!r}")
        return bool(YES_NO[text.strip().lower()])

    def _size(self, text: str) -> Size:
        if re.fullmatch(r"\s*0\s*x\s*0\s*", text):
            return Size(0, 0)
        size = Size.parse(text)
        if not all(SMALLEST_SIDE <= side <= LARGEST_SIDE for side in size):
            raise UserError(
                f"{size} is out of range", way_out=f"Sides may have {SMALLEST_SIDE} to {LARGEST_SIDE} pixels"
            )
        return size


def _number(label: str, name: str, place: str, kind: Kind = "float", *aliases: str) -> Setting:
    """A number of the sampler, with the range it has in projects."""
    return Setting(label, name, (place,), kind, SPANS.get(place, Span(0, 1e6)), aliases)


SEEDS = Span(-1, SEED_RANGE - 1)
TABLE: tuple[Setting, ...] = (
    _number("Steps", "steps", "sampling.steps", "int"),
    Setting("Sampler", "sampler", ("sampler",), "text", aliases=("sampler_name", "sampler_index")),
    Setting("Schedule type", "schedule", ("schedule",), "text", aliases=("scheduler",)),
    _number("CFG scale", "cfg", "sampling.cfg", "float", "cfg_scale"),
    Setting("Seed", "seed", ("seed",), "int", SEEDS),
    Setting("Size", "size", ("size",), "size"),
    Setting("Model", "model", ("model",), "text", aliases=("sd_model", "checkpoint", "checkpoint name")),
    Setting("VAE", "vae", ("vae",), "text", aliases=("sd_vae",)),
    Setting("Variation seed", "variation_seed", ("sampling.variation_seed",), "int", SEEDS, ("subseed", "var. seed")),
    _number(
        "Variation seed strength", "variation_strength", "sampling.variation_strength", "float", "subseed_strength",
        "var. strength",
    ),
    Setting("Seed resize from", "seed_resize", ("sampling.seed_width", "sampling.seed_height"), "size"),
    _number("Denoising strength", "denoise", "sampling.denoise", "float", "denoising", "denoising_strength"),
    Setting("Conditional mask weight", "mask_weight", ("start.conditioning",), "float", Span(0, 1), (
        "cond. image mask weight",
    )),
    _number("Clip skip", "clip_skip", "sampling.clip_skip", "int"),
    _number("ENSD", "ensd", "sampling.seed_delta", "int"),
    Setting("RNG", "rng", ("rules.noise",), words={"CPU": "cpu", "GPU": "gpu", "NV": "nv"}, aliases=("rng source",)),
    Setting("Tiling", "tiling", ("rules.tiling",), "bool"),
    Setting("Hires prompt", "hires_prompt", ("hires.prompt",), "text"),
    Setting("Hires negative prompt", "hires_negative", ("hires.negative",), "text"),
    Setting("Hires checkpoint", "hires_model", ("hires.model",), "text"),
    Setting("Hires sampler", "hires_sampler", ("hires.sampler",), "text"),
    Setting("Hires schedule type", "hires_schedule", ("hires.schedule",), "text"),
    Setting("Hires upscale", "hires_scale", ("hires.scale",), "float", Span(1, 16)),
    Setting("Hires resize", "hires_size", ("hires.width", "hires.height"), "size"),
    Setting("Hires steps", "hires_steps", ("hires.steps",), "int", Span(0, 1000)),
    Setting("Hires CFG Scale", "hires_cfg", ("hires.cfg",), "float", Span(0, 100)),
    Setting("Hires upscaler", "hires_upscaler", ("hires.upscaler",), "text"),
    Setting("Resize mode", "resize", ("start.mode",), words={
        "Just resize": "stretch", "Crop and resize": "crop", "Resize and fill": "fill",
        "Just resize (latent upscale)": "latent",
        "stretch": "stretch", "crop": "crop", "fill": "fill", "latent": "latent",
    }),
    Setting("Upscaler for img2img", "img2img_upscaler", ("start.upscaler",), "text"),
    Setting("Mask blur", "mask_blur", ("start.rules.blur_x", "start.rules.blur_y"), "float", Span(0, 64)),
    Setting("Mask blur x", "mask_blur_x", ("start.rules.blur_x",), "float", Span(0, 64)),
    Setting("Mask blur y", "mask_blur_y", ("start.rules.blur_y",), "float", Span(0, 64)),
    Setting("Mask mode", "mask_mode", ("start.rules.invert",), words={
        "Inpaint masked": False, "Inpaint not masked": True, "masked": False, "not masked": True,
    }),
    Setting("Inpaint area", "area", ("start.rules.only_masked",), words={
        "Whole picture": False, "Only masked": True, "whole": False, "masked": True,
    }),
    Setting("Masked area padding", "padding", ("start.rules.padding",), "int", Span(0, 1024)),
    Setting("Masked content", "content", ("start.rules.content",), words={
        "fill": "fill", "original": "original", "latent noise": "latent noise", "latent nothing": "latent nothing",
    }),
    Setting("Soft mask", "soft_mask", ("start.rules.soft",), "bool"),
    Setting("Color correction", "keep_colors", ("start.keeps_colors",), "bool"),
    _number("Noise multiplier", "noise_multiplier", "sampling.noise_multiplier", "float", "initial noise multiplier"),
    _number("Extra noise", "extra_noise", "sampling.extra_noise"),
    _number("Inversion", "inversion", "sampling.inversion"),
    Setting("Refiner", "refiner", ("refiner.model",), "text", aliases=("refiner checkpoint",)),
    Setting("Refiner switch at", "refiner_switch", ("refiner.switch_at",), "float", Span(0, 1)),
    _number("Eta", "eta", "sampling.eta_ancestral"),
    _number("Eta DDIM", "eta_ddim", "sampling.eta_ddim"),
    _number("Sigma churn", "s_churn", "sampling.s_churn"),
    _number("Sigma tmin", "s_tmin", "sampling.s_tmin"),
    _number("Sigma tmax", "s_tmax", "sampling.s_tmax"),
    _number("Sigma noise", "s_noise", "sampling.s_noise"),
    _number("NGMS", "ngms", "sampling.skip_negative_below", "float", "negative guidance minimum sigma"),
    _number("Skip Early CFG", "skip_early_cfg", "sampling.skip_negative_early"),
    _number("CFG rescale", "cfg_rescale", "sampling.cfg_rescale"),
    _number("Schedule max sigma", "sigma_max", "sampling.sigma_max"),
    _number("Schedule min sigma", "sigma_min", "sampling.sigma_min"),
    _number("Schedule rho", "rho", "sampling.rho"),
    Setting("Discard penultimate sigma", "drop_penultimate", ("rules.drop_penultimate",), "bool", aliases=(
        "always discard next-to-last sigma",
    )),
    Setting("SGM noise multiplier", "full_variance", ("rules.full_variance",), "bool"),
    Setting("Img2img steps", "img2img_steps", ("rules.img2img_steps",), words={"web-ui": "web-ui", "exact": "exact"}),
    Setting("Emphasis", "emphasis", ("rules.emphasis",), words={
        "Original": "original", "No norm": "no norm", "Ignore": "ignore", "None": "none",
    }),
)  # fmt: skip
UNWRITTEN: tuple[Setting, ...] = (
    Setting("Width", "width", ("size",), "int", Span(SMALLEST_SIDE, LARGEST_SIDE)),
    Setting("Height", "height", ("size",), "int", Span(SMALLEST_SIDE, LARGEST_SIDE)),
    Setting("Seed resize from w", "seed_width", ("sampling.seed_width",), "int", Span(0, LARGEST_SIDE)),
    Setting("Seed resize from h", "seed_height", ("sampling.seed_height",), "int", Span(0, LARGEST_SIDE)),
    Setting("Prompt", "prompt", ("prompt",), "text"),
    Setting("Negative prompt", "negative", ("negative",), "text", aliases=("negative_prompt",)),
    Setting("Styles", "styles", ("styles",), "list"),
    Setting("Batch size", "batch_size", ("batch_size",), "int", Span(1, 64)),
    Setting("Batch count", "count", ("count",), "int", Span(1, 10_000), ("n_iter",)),
    Setting("Loops", "loops", ("loop.times",), "int", Span(1, 32)),
    Setting("Final denoising strength", "final_denoise", ("loop.final_denoise",), "float", Span(0, 1)),
    Setting("Denoising curve", "curve", ("loop.curve",), words={
        "aggressive": "aggressive", "linear": "linear", "lazy": "lazy",
    }),
)  # fmt: skip


def setting(name: str) -> Setting:
    """The setting of that name, label or alias; case, spaces and punctuation make no difference.

    Raises:
        UnknownName: if there is none.
    """
    if _key(name) not in _by_key():
        raise UnknownName("setting", name, tuple(entry.name for entry in (*TABLE, *UNWRITTEN)))
    return _by_key()[_key(name)]


def changed(order: Order, changes: Iterable[tuple[str, str]]) -> tuple[Order, list[Fault]]:
    """The order with settings changed, one after the other, and everything wrong with them.

    Args:
        order: what is changed.
        changes: (name, value) as written.
    """
    faults: list[Fault] = []
    for name, text in changes:
        try:
            order = with_setting(order, setting(name), text)
        except UserError as fault:
            faults.append(Fault(name, fault.what, fault.way_out))
    return order, faults


def with_setting(order: Order, one: Setting, text: str) -> Order:
    """The order with one setting changed.

    Raises:
        UserError: if the text is no value of it, or the order has no picture that it could act on.
    """
    value = one.value(text)
    _check_name(order, one, value)
    if one.name in ("width", "height"):
        value = order.size._replace(**{one.name: value})
    if one.name == "hires_prompt":
        value = ((value, 1.0),) if value else None
    if one.name == "hires_negative":
        value = value or None  # as in the web UI: empty is like the first
    for n, place in enumerate(places_in(order, one)):
        part = value[n] if one.kind == "size" and len(one.places) == 2 else value
        order = _replaced(order, place.split("."), part)
    return order


def value_of(order: Order, one: Setting) -> Any:
    """What the order has there; None where it has no such part."""
    values = [_found(order, place.split(".")) for place in places_in(order, one)]
    if one.name == "hires_prompt":
        return values[0][0][0] if values[0] else None
    if len(values) == 2 and one.kind == "size":
        return None if None in values else Size(int(values[0]), int(values[1]))
    return values[0] if all(value == values[0] for value in values) else None


def places_in(order: Order, one: Setting) -> tuple[str, ...]:
    """Where in the order a setting lies: the strength of a hires pass has the name of that of image to image."""
    return ("hires.denoise",) if one.name == "denoise" and order.hires and not order.start else one.places


def _check_name(order: Order, one: Setting, value: Any) -> None:
    """Raises UnknownName for samplers, noise schedules and upscalers that are none."""
    if one.name in ("sampler", "hires_sampler") and value:
        resolve(value)
    if one.name in ("schedule", "hires_schedule") and value:
        resolve(order.sampler, value)
    if one.name == "hires_upscaler":
        check_name(value)
    if one.name == "img2img_upscaler" and value:
        network_path(value)


def _found(part: Any, path: list[str]) -> Any:
    for name in path:
        if part is None:
            return None
        part = getattr(part, name)
    return part


def _replaced(part: Any, path: list[str], value: Any) -> Any:
    """A frozen value with one place changed; parts that it lacks are made where they have defaults."""
    name, *rest = path
    if rest:
        inner = getattr(part, name)
        if inner is None and name not in SECTIONS:
            raise UserError("there is no picture to start from", way_out="Give one with --init, or leave this out")
        value = _replaced(SECTIONS[name] if inner is None else inner, rest, value)
    if isinstance(getattr(part, name), float) and isinstance(value, int) and not isinstance(value, bool):
        value = float(value)
    return dataclasses.replace(part, **{name: value})


def _key(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())


@cache
def _by_key() -> dict[str, Setting]:
    return {_key(word): one for one in (*TABLE, *UNWRITTEN) for word in (one.label, one.name, *one.aliases)}


def schedule_label(name: str) -> str:
    """A noise schedule as the web UI shows it."""
    return SCHEDULES[name].label if name in SCHEDULES else "Automatic"


def nearest(name: str) -> str:
    """What somebody may have meant by a setting that there is not."""
    return suggestion(name, tuple(entry.name for entry in (*TABLE, *UNWRITTEN)))
