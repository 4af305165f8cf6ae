"""Orders as infotexts, and infotexts as orders again: ours and the web UI's."""

from collections.abc import Callable, Iterator, Mapping
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from animator.orders.order import Order, Start
from animator.orders.settings import TABLE, Setting, changed, schedule_label, setting, value_of
from core.errors import Fault, UserError
from diffusion.inpainting import InpaintRules
from diffusion.prompt.language import without_comments
from diffusion.request import Hires, Refiner, Sampling
from diffusion.sampling.names import SAMPLERS, resolve
from diffusion.upscalers import shown_name
from media.infotext import DEFAULTS, Infotext, parameters

ALWAYS = {
    "Steps", "CFG scale", "Seed", "Size", "Variation seed", "Hires upscaler", "Refiner", "Refiner switch at",
    "Mask blur", "Mask blur x", "Mask blur y", "Masked content", "Masked area padding",
}  # fmt: skip
SILENT = {
    "Model hash", "VAE hash", "Version", "User", "Lora hashes", "TI hashes", "TI", "Hypernet", "Hypernet strength",
    "Script", "X Type", "X Values", "Fixed X Values", "Y Type", "Y Values", "Fixed Y Values", "Z Type", "Z Values",
    "Fixed Z Values", "Face restoration model", "Init image hash", "Batch size", "Batch pos", "Image CFG scale",
    "Downcast alphas_cumprod", "Pad conds", "First pass size", "Loops", "Loop",
}  # fmt: skip
LIKE_FIRST = ("Use same sampler", "Use same scheduler", "Use same checkpoint")
VERSION = "Version"
WITH_MODEL = ("Model hash", "Model", "VAE hash", "VAE")  # what stands beside the size; networks come later


def described(order: Order, model: Mapping[str, str]) -> Infotext:
    """How the single picture of an order is made.

    Args:
        order: of one picture, with its styles written out.
        model: what is known of model and networks: "Model hash", "Model", "VAE", "Lora hashes".
    """
    written = {one.label: text for one in TABLE if (text := _shown(order, one)) is not None}
    first = {key: written.pop(key) for key in ("Steps", "Sampler", "Schedule type", "CFG scale", "Seed", "Size")}
    for label in WITH_MODEL:
        written.pop(label, None)
    networks = {key: value for key, value in model.items() if key not in WITH_MODEL}
    named = {key: value for key, value in model.items() if key in WITH_MODEL}
    fields = {**first, **named, **written, **networks, **order.notes, VERSION: f"driftloop {_version()}"}
    return Infotext(without_comments(order.prompt).strip(), without_comments(order.negative).strip(), fields)


def changes_in(infotext: Infotext) -> tuple[list[tuple[str, str]], list[str]]:
    """What an infotext says of an order, as changes of settings, and what in it cannot be acted on."""
    found = _joined(parameters(infotext))
    changes = [("Prompt", found.pop("Prompt")), ("Negative prompt", found.pop("Negative prompt"))]
    unused: list[str] = []
    if found["RNG"] == "GPU":
        found["RNG"] = "NV"  # what a CUDA device draws can be had on any
    for key in _in_order(found):
        value = found[key]
        if key in SILENT or DEFAULTS.get(key) == value or value in LIKE_FIRST:
            continue
        try:
            setting(key)
        except UserError:
            unused.append(f"{key}: {value}")
            continue
        changes.append((key, value))
    return changes, unused


def order_from(infotext: Infotext, order: Order) -> tuple[Order, list[Fault], list[str]]:
    """The order an infotext describes, on top of another; faults in it; and what in it cannot be acted on."""
    changes, unused = changes_in(infotext)
    found, faults = changed(order, changes)
    return found, faults, unused


def needs_picture(infotext: Infotext) -> bool:
    """Whether what it describes was made from a picture, which an infotext does not hold."""
    names = {*infotext.fields}
    is_hires = any(name.startswith(("Hires", "First pass")) for name in names)
    return "Mask blur" in names or ("Denoising strength" in names and not is_hires)


def _in_order(found: Mapping[str, str]) -> Iterator[str]:
    """Samplers before schedules, which are checked against them; sections before their numbers."""
    early = ("Sampler", "Hires upscale", "Hires resize", "Hires upscaler", "Hires steps", "Refiner")
    yield from (key for key in early if key in found)
    yield from (key for key in found if key not in early)


def _joined(found: Mapping[str, str]) -> dict[str, str]:
    """The fields with each size in one again."""
    joined: dict[str, str] = {}
    for key, value in found.items():
        if key.endswith("-1"):
            joined[key[:-2]] = f"{value}x{found.get(f'{key[:-2]}-2', '0')}"
        elif not (key.endswith("-2") and f"{key[:-2]}-1" in found):
            joined[key] = value
    if joined.get("Hires resize") == "0x0":
        del joined["Hires resize"]
    return joined


def _shown(order: Order, one: Setting) -> str | None:
    """A setting as it is written, None where it goes without saying."""
    value = value_of(order, one)
    matters = MATTERS.get(one.label)
    if value is None or (matters is not None and not matters(order)):
        return None
    if one.label == "Sampler":
        return resolve(order.sampler, order.schedule).sampler
    if one.label == "Schedule type":
        choice = resolve(order.sampler, order.schedule)
        own = SAMPLERS[choice.sampler].schedule
        return schedule_label("" if choice.schedule == own else choice.schedule)
    if one.label in ("Hires upscaler", "Upscaler for img2img") and value:
        return shown_name(value)
    if one.label == "RNG":
        return None if value == "gpu" else one.shown(value)
    return one.shown(value) if one.label in ALWAYS or value != _default(one) else None


def _is_masked(order: Order) -> bool:
    return order.start is not None and order.start.mask is not None


def _rules(order: Order) -> InpaintRules:
    return order.start.rules if order.start else InpaintRules()


def _is_uneven(order: Order) -> bool:
    return _is_masked(order) and _rules(order).blur_x != _rules(order).blur_y


def _is_resized(order: Order) -> bool:
    return order.hires is not None and bool(order.hires.width or order.hires.height)


def _obeys_ensd(order: Order) -> bool:
    return SAMPLERS[resolve(order.sampler, order.schedule).sampler].obeys_ensd


MATTERS: Mapping[str, Callable[[Order], bool]] = {
    "Mask blur": _is_masked,
    "Mask blur x": _is_uneven,
    "Mask blur y": _is_uneven,
    "Mask mode": _is_masked,
    "Inpaint area": _is_masked,
    "Masked content": _is_masked,
    "Masked area padding": lambda order: _is_masked(order) and _rules(order).only_masked,
    "Conditional mask weight": _is_masked,
    "Soft mask": _is_masked,
    "Denoising strength": lambda order: order.start is not None or order.hires is not None,
    "Variation seed": lambda order: order.sampling.variation_strength != 0,
    "ENSD": _obeys_ensd,
    "Seed resize from": lambda order: min(order.sampling.seed_width, order.sampling.seed_height) > 0,
    "Hires upscale": lambda order: not _is_resized(order),
    "Hires resize": _is_resized,
}  # settings that act on some orders only


_PLAIN = Order(hires=Hires(scale=0), refiner=Refiner(""), sampling=Sampling(denoise=-1))


def _default(one: Setting) -> Any:
    """What a setting is when nobody sets it; scale and denoise of a hires pass are always written."""
    if one.places[0].startswith("start."):
        return value_of(Order(start=Start(())), one)
    return None if one.label == "Denoising strength" else value_of(_PLAIN, one)


def _version() -> str:
    try:
        return version("driftloop")
    except PackageNotFoundError:
        return "from source"
