"""Asked: what somebody asks for in one go, as text; made into a run, with all that is wrong told at once."""

import secrets
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

from animator.orders.axes import Axis, axis
from animator.orders.axes import faults_of as axis_faults
from animator.orders.described import needs_picture, order_from
from animator.orders.files import Source, Target, sources
from animator.orders.found import found_again
from animator.orders.order import Order, Start
from animator.orders.plan import Plan, of_matrix, on_axes
from animator.orders.run import Run
from animator.orders.settings import changed, setting
from animator.orders.units import UnitsAsked, unit_faults, unit_warnings
from animator.orders.variants import LineRules, MatrixRules, lines, matrix
from core.devices import ModelPool
from core.errors import Fault, ProjectError, UserError
from core.image import Size
from core.seeds import SEED_RANGE
from diffusion.models.files import model_path, vae_path
from diffusion.models.outline import Outline, outline
from diffusion.prompt.named import network_file, tags
from diffusion.prompt.styles import Style, load_styles
from media.infotext import parsed
from media.inscribed import LONGEST_EXIF, infotext_in

WHERE = "image"  # what the faults of an order are headed with
MOST_PICTURES = 100_000  # of one run
LARGEST_PROMPTS = 16 << 20  # bytes
LONGEST_OUTSIDE_PNG = LONGEST_EXIF // 2  # characters of prompts that EXIF can hold


@dataclass(frozen=True, slots=True)
class Asked:
    """Everything as it was given; empty where it was not."""

    changes: tuple[tuple[str, str], ...] = ()  # (setting, value), in order
    target: Target = field(default_factory=lambda: Target(Path("renders/images")))
    origin: Path | None = None  # a picture whose infotext is repeated
    init: Path | None = None  # a picture or folder to start from
    mask: Path | None = None
    information: tuple[str, ...] = ()  # settings taken from the pictures that are started from
    seed_step: int = 0  # from one of them to the next
    axes: Mapping[str, str] = field(default_factory=dict)  # by option: "--x": "steps: 10, 20"
    matrix: MatrixRules | None = None
    prompts: Path | None = None  # a file with a prompt a line
    line_rules: LineRules = field(default_factory=LineRules)
    styles: tuple[Path, ...] = ()  # files
    units: UnitsAsked = field(default_factory=UnitsAsked)  # control networks
    generator: str = "stills"
    grid: bool = True
    singles: bool = True
    rows: int = 0
    margin: int = 0


def prepared(asked: Asked, pool: ModelPool) -> tuple[Run, list[str]]:
    """The run that was asked for, and what its user should know. Only models that say sizes are loaded.

    Raises:
        UserError: with everything that is wrong.
    """
    faults, warnings = [], []
    order = Order(start=Start(()) if asked.init else None, seed=_drawn_seed())
    if asked.origin:
        order, wrong, unused = _repeated(asked, order)
        faults += wrong
        warnings += [f"{asked.origin}: {text}" for text in unused]
    order, wrong = changed(order, _seeded(asked.changes))
    faults += [_as_option(fault) for fault in wrong]
    found, wrong, alone = _sources(asked)
    faults += wrong
    warnings += [f"{name} has no mask and is left out" for name in alone]
    is_sized = asked.origin is not None or any(
        setting_name(name) in ("size", "width", "height") for name, _ in asked.changes
    )
    if not is_sized and not found and not faults:
        order = replace(order, size=native_size(asked, order, pool))
    units, wrong = asked.units.units()
    faults += wrong or unit_faults(units, order, asked.generator)
    warnings += [] if faults else unit_warnings(units, order, asked.generator)
    order = replace(order, units=units)
    plan, wrong, notes = _plan(asked, order)
    faults += wrong
    warnings += notes
    looked_at = plan if plan.orders else Plan((order,))
    faults += [
        *_style_faults(asked, looked_at),
        *_model_faults(asked, looked_at),
        *_combination_faults(asked, looked_at),
    ]
    if faults:
        raise ProjectError(WHERE, list(dict.fromkeys(faults)))
    table = _styles(asked)
    plan = replace(plan, orders=tuple(one.with_styles(table) for one in plan.orders))
    found = [replace(source, keeps_size=not is_sized, information=asked.information) for source in found]
    is_folder = asked.init is not None and asked.init.is_dir()
    run = Run(
        plan, tuple(found), asked.target, pool, asked.generator, asked.seed_step, asked.grid, asked.singles,
        asked.rows, asked.margin, named_as_sources=is_folder and asked.target.is_folder,
    )  # fmt: skip
    return run, warnings


def setting_name(name: str) -> str:
    """The name of a setting by whichever of its names; empty if there is none."""
    try:
        return setting(name).name
    except UserError:
        return ""


def native_size(asked: Asked, order: Order, pool: ModelPool) -> Size:
    """The size the order's model draws best."""
    if asked.generator != "stills":
        return order.size
    from diffusion.models.load import load_model

    return Size(*load_model(order.model, pool, vae=order.vae).native)


def _drawn_seed() -> int:
    return secrets.randbelow(SEED_RANGE)


def _seeded(changes: Sequence[tuple[str, str]]) -> Iterator[tuple[str, str]]:
    """The changes with a seed drawn where -1 asks for one."""
    for name, value in changes:
        is_drawn = setting_name(name) in ("seed", "variation_seed") and value.strip() == "-1"
        yield name, str(_drawn_seed()) if is_drawn else value


def _as_option(fault: Fault) -> Fault:
    name = setting_name(fault.field)
    if not name:
        return Fault("--set", f"no setting named {fault.field!r}", fault.way_out)
    return replace(fault, field=f"--{name.replace('_', '-')}")


def _repeated(asked: Asked, order: Order) -> tuple[Order, list[Fault], list[str]]:
    """The order that a picture's infotext describes."""
    assert asked.origin is not None
    try:
        text = infotext_in(asked.origin)
    except UserError as fault:
        return order, [Fault("--from", str(fault))], []
    infotext = parsed(text)
    if not infotext.fields:
        return order, [Fault("--from", f"{asked.origin} does not say how it was made")], []
    if asked.init is None and needs_picture(infotext):
        way_out = "Give that picture with --init, and its mask with --mask"
        return order, [Fault("--from", f"{asked.origin} was made from a picture, which it does not hold", way_out)], []
    order, faults, unused = order_from(infotext, order)
    overridden = {setting_name(name) for name, _ in asked.changes}
    faults = [
        Fault(f"--from: {fault.field}", fault.what, fault.way_out) for fault in faults
        if setting_name(fault.field) not in overridden
    ]  # fmt: skip
    unused = [f"not acted on: {text}" for text in unused]
    if asked.generator != "stills":
        return order, faults, unused
    order, notes = found_again(infotext, order, overridden)
    return order, faults, [*unused, *notes]


def _sources(asked: Asked) -> tuple[list[Source], list[Fault], list[str]]:
    if asked.init is None:
        wrong = [Fault("--mask", "there is no picture to start from", "Give one with --init")] if asked.mask else []
        return [], wrong, []
    try:
        found, alone = sources(asked.init, asked.mask)
    except UserError as fault:
        return [], [Fault("--init", str(fault))], []
    return found, [], alone


def _plan(asked: Asked, order: Order) -> tuple[Plan, list[Fault], list[str]]:
    """All orders and their grid."""
    if asked.axes:
        return _axes_plan(asked, order)
    if asked.matrix:
        orders, faults = matrix(order, asked.matrix)
        text = order.negative if asked.matrix.negative else order.prompt
        return of_matrix(orders, text) if orders else Plan(()), faults, []
    if asked.prompts:
        try:
            if asked.prompts.stat().st_size > LARGEST_PROMPTS:
                raise UserError(f"more than {LARGEST_PROMPTS} bytes")
            text = asked.prompts.read_text(encoding="utf-8-sig")
        except (OSError, UnicodeError, UserError) as fault:
            return Plan(()), [Fault("--prompts", f"{asked.prompts} cannot be read ({fault})")], []
        orders, faults, unused = lines(text, order, asked.line_rules)
        faults = [replace(fault, field=f"{asked.prompts}: {fault.field}") for fault in faults]
        return Plan(tuple(orders)), faults, [f"{asked.prompts}: --{name} has no effect here" for name in unused]
    return Plan((order,)), [], []


def _axes_plan(asked: Asked, order: Order) -> tuple[Plan, list[Fault], list[str]]:
    axes: dict[str, Axis] = {}
    faults: list[Fault] = []
    for option, text in asked.axes.items():
        try:
            axes[option] = axis(text)
        except UserError as fault:
            faults.append(Fault(option, fault.what, fault.way_out))
    faults += axis_faults(axes, order)
    if faults:
        return Plan(()), faults, []
    try:
        return on_axes(order, list(axes.values())), [], []
    except UserError as fault:
        return Plan(()), [Fault("axes", fault.what, fault.way_out)], []


def _styles(asked: Asked) -> dict[str, Style]:
    return load_styles(asked.styles)


def _style_faults(asked: Asked, plan: Plan) -> Iterator[Fault]:
    try:
        table = _styles(asked)
        for order in plan.orders:
            order.with_styles(table)
    except UserError as fault:
        way_out = fault.way_out if asked.styles else "Give the file they are in with --styles-file"
        yield Fault("--style", f"{fault.where}: {fault.what}" if fault.where else fault.what, way_out)


def _model_faults(asked: Asked, plan: Plan) -> Iterator[Fault]:
    """Models that are not there, or are none as far as headers tell, each told once."""
    if asked.generator != "stills":
        return
    names: dict[str, str] = {}
    for order in plan.orders:
        names.setdefault(order.model, "--model")
        names.setdefault(order.refiner.model if order.refiner else order.model, "refiner")
        names.setdefault((order.hires.model if order.hires else "") or order.model, "hires_model")
    wrong: set[str] = set()
    for name, option in names.items():
        for fault in _told(option, partial(_outlined, name)):
            wrong.add(name)
            yield fault
    for model, vae in dict.fromkeys((order.model, order.vae) for order in plan.orders):
        if model not in wrong:
            yield from _told("--vae", partial(_vae_of, model, vae))
    yield from _network_faults(plan)


def _outlined(model: str) -> Outline | None:
    return outline(model_path(model))


def _vae_of(model: str, choice: str) -> Path | None:
    return vae_path(choice, model_path(model))


def _told(option: str, act: Callable[[], object]) -> Iterator[Fault]:
    """What is wrong if an act fails."""
    try:
        act()
    except UserError as fault:
        yield Fault(option, f"{fault.where}: {fault.what}" if fault.where else fault.what, fault.way_out)


def _network_faults(plan: Plan) -> Iterator[Fault]:
    """Networks named in prompts that are not there, each told once."""
    second = [order.hires.prompt for order in plan.orders if order.hires and order.hires.prompt]
    texts = [order.prompt for order in plan.orders] + [text for mix in second for text, _ in mix]
    for text in dict.fromkeys(texts):
        try:
            for kind, name in tags(text):
                network_file(kind, name)
        except UserError as fault:
            yield Fault("prompt", fault.what, fault.way_out)


def _combination_faults(asked: Asked, plan: Plan) -> Iterator[Fault]:
    """What does not go together, or has no effect."""
    if plan.pictures > MOST_PICTURES:
        yield Fault(
            "--count", f"{plan.pictures} pictures are too many for one run", f"At most {MOST_PICTURES} are made"
        )
    ways = [
        name
        for name, given in (("axes", asked.axes), ("--matrix", asked.matrix), ("--prompts", asked.prompts))
        if given
    ]
    if len(ways) > 1:
        yield Fault(" and ".join(ways), "these do not go together", "Give one of them")
    if asked.init and asked.init.is_dir() and (asked.axes or asked.matrix):
        yield Fault("--init", f"{asked.init} is a folder, and a grid shows one picture", "Give one picture")
    if (asked.seed_step or asked.information) and not asked.init:
        yield Fault("--init", "settings for pictures that are started from, but none is given")
    if any(order.hires and order.start for order in plan.orders):
        yield Fault("--hires", "there is no second pass where a picture is started from", "Leave one of both out")
    yield from _naming_faults(asked.target)
    longest = max((len(order.prompt) + len(order.negative) for order in plan.orders), default=0)
    if asked.target.suffix_written != ".png" and longest > LONGEST_OUTSIDE_PNG:
        yield Fault("prompt", f"{longest} characters do not fit into {asked.target.suffix_written[1:]}", "Write a PNG")
    if asked.target.suffix not in (".png", ".jpg", ".jpeg", ".webp"):
        yield Fault("--format", f"{asked.target.suffix} is no format of pictures", "Use png, jpg or webp")


def _naming_faults(target: Target) -> Iterator[Fault]:
    """A pattern for names that is none, or has no effect."""
    if target.naming is None:
        return
    try:
        target.naming.check()
    except UserError as fault:
        yield Fault("--names", fault.what, fault.way_out)
    if not target.is_folder:
        yield Fault("--names", f"{target.path} is a file", "Give a folder with --out, or leave the pattern out")
