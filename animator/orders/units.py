"""Control units of single pictures: as they are asked for, as what steers a request, as infotexts tell them."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from animator.build import build_controls
from animator.control_checks import control_faults, control_warnings
from animator.controls import INIT, OF_THE_RENDER, ControlUnit
from animator.orders.order import Order
from animator.project import Project
from animator.second_pass import SecondPass
from animator.showing import Controls, Seen, numbers_of
from core.devices import ModelPool
from core.errors import Fault, WeightsError, suggestion
from core.image import Image, Size
from diffusion.canvas import fitted
from diffusion.inpainting import Canvas
from diffusion.models.control_files import network_for
from diffusion.request import ControlImage

OPTION = "--control"
OWN = "auto"  # in the lists of pictures and models: what a unit has by itself
FORM = "canny, canny:0.8 or canny:0.8:0.1-0.9"
MODES = {
    "balanced": "Balanced",
    "prompt": "My prompt is more important",
    "control": "ControlNet is more important",
}
FITS = {"stretch": "Just Resize", "crop": "Crop and Resize", "fill": "Resize and Fill"}


@dataclass(frozen=True, slots=True)
class UnitsAsked:
    """Units as a command line has them."""

    controls: tuple[str, ...] = ()  # control[:weight[:start-end]]
    images: tuple[str, ...] = ()  # for each, or one for all; "auto": the picture that is started from
    models: tuple[str, ...] = ()  # for each, or one for all; "auto": the one there is for the control
    settings: tuple[str, ...] = ()  # [N.]FIELD=VALUE of unit N, counted from 1, or of all

    def units(self) -> tuple[tuple[ControlUnit, ...], list[Fault]]:
        """The units, and what is wrong with how they are asked for."""
        faults: list[Fault] = []
        given = [dict(self._parsed(text, faults)) for text in self.controls]
        for option, name, texts in (("image", "source", self.images), ("model", "model", self.models)):
            if len(texts) > 1 and len(texts) != len(given):
                what = f"{len(texts)} for {len(given)} units"
                way_out = f"Give one for each ({OWN} for its own), or one for all"
                faults.append(Fault(f"{OPTION}-{option}", what, way_out))
            for place, unit in enumerate(given):
                text = texts[min(place, len(texts) - 1)] if texts else OWN
                unit.update({} if text == OWN else {name: text})
        if not given and (self.images or self.models or self.settings):
            faults.append(Fault(OPTION, "there is no unit that this could be of", f"Give {OPTION}, as in {FORM}"))
            return (), faults
        for text in self.settings:
            faults += _set(given, text)
        return tuple(_unit(data, place, faults) for place, data in enumerate(given)), faults

    def _parsed(self, text: str, faults: list[Fault]) -> Iterator[tuple[str, Any]]:
        """Control, weight and window of one unit."""
        control, _, rest = text.partition(":")
        weight, _, window = rest.partition(":")
        start, _, end = window.partition("-")
        yield "control", control.strip()
        for name, value in (("weight", weight), ("start", start), ("end", end)):
            if value.strip():
                try:
                    yield name, float(value)
                except ValueError:
                    faults.append(Fault(OPTION, f"{text!r}: {value!r} is no number", f"Write {FORM}"))


def unit_faults(units: Sequence[ControlUnit], order: Order, generator: str) -> Iterator[Fault]:
    """What is wrong with the units of an order."""
    for place, unit in enumerate(units):
        field = f"{OPTION} {place + 1}"
        if unit.looked_at == INIT and order.start is None:
            way_out = "Give it one with --control-image, or an --init"
            yield Fault(field, f"the unit {unit.control} has no picture", way_out)
        if unit.looks_back:
            way_out = "Give it that frame with --control-image"
            yield Fault(field, f"the unit {unit.control} looks at the frame before, and there is none", way_out)
        for name, text in unit.files().items():
            if not Path(text).is_file():
                yield Fault(f"{field}: {name}", f"no such picture: {text}")
    told = control_faults(_project(units, order, generator), Path(), {})
    yield from (replace(fault, field=_as_option(fault.field)) for fault in told)


def unit_warnings(units: Sequence[ControlUnit], order: Order, generator: str) -> list[str]:
    """Units without effect."""
    return [_as_option(text) for text in control_warnings(_project(units, order, generator))]


@dataclass(frozen=True)
class Steering:
    """Makes the units of orders look. Each set of units is made ready once."""

    pool: ModelPool
    generator: str

    def of(self, order: Order, canvas: Canvas | None) -> tuple[ControlImage, ...]:
        """What steers the picture of an order.

        Raises:
            UserError: if a control, network or picture is not to be had.
        """
        if not order.units:
            return ()
        project = _project(order.units, order, self.generator)
        name = json.dumps([repr(order.units), order.model, *order.size])
        controls: Controls = self.pool.get(
            "controls of pictures", name, self.generator, lambda: build_controls(project, Path(), self.pool)
        )
        return controls.shown([numbers_of(unit) for unit in order.units], 0, _seen(order, canvas))


def told(order: Order) -> dict[str, str]:
    """The units of an order as infotexts tell them: "ControlNet 0" and so on."""
    return {f"ControlNet {place}": _told(unit, order.model) for place, unit in enumerate(order.units)}


def _told(unit: ControlUnit, model: str) -> str:
    numbers = numbers_of(unit)
    facts = {
        "Module": unit.control,
        "Model": _model_name(unit, model),
        "Weight": f"{numbers.weight:g}",
        "Resize Mode": FITS[unit.fit],
        "Processor Res": str(unit.resolution or -1),
        **{f"Option {name}": str(value) for name, value in unit.options.items()},
        "Guidance Start": f"{numbers.start:g}",
        "Guidance End": f"{numbers.end:g}",
        "Pixel Perfect": str(unit.pixel_perfect),
        "Control Mode": MODES[unit.mode],
    }
    return ", ".join(f"{name}: {value}" for name, value in facts.items())


def _model_name(unit: ControlUnit, model: str) -> str:
    """The network's file; None, as the web UI writes it, where a generator asks none and there is none."""
    try:
        return Path(unit.model or network_for(unit.control, model)).stem
    except WeightsError:
        return "None"


def _seen(order: Order, canvas: Canvas | None) -> Seen:
    """What units see of the picture that is started from."""
    if canvas is None:
        return Seen()
    return Seen(canvas.reference, mask=canvas.mask, view=_view(order, canvas))


def _view(order: Order, canvas: Canvas) -> Callable[[Image], Image] | None:
    """Where just a part is drawn: that part of a unit's own picture, which is laid over the whole one."""
    box, kept = canvas.box, canvas.kept
    if box is None or kept is None:
        return None
    mode = order.start.mode if order.start is not None else "stretch"
    return lambda image: fitted(box.of(fitted(image, Size.of(kept), mode)), order.size, "fill")


def _project(units: Sequence[ControlUnit], order: Order, generator: str) -> Project:
    """A film of one frame with these units."""
    hires = SecondPass() if order.hires else None
    return Project(
        controls=tuple(units), frames=1, model=order.model, generator=generator, size=order.size, hires=hires
    )


def _as_option(field: str) -> str:
    """`controls.0.weight` as `--control 1: weight`."""
    head, _, rest = field.partition(".")
    place, _, name = rest.partition(".")
    if head != "controls" or not place.isdecimal():
        return field.replace("controls:", f"{OPTION}:", 1)
    return f"{OPTION} {int(place) + 1}: {name}"


def _set(given: Sequence[dict[str, Any]], text: str) -> Iterator[Fault]:
    """Sets a field of one unit, or of all."""
    field, equals, value = text.partition("=")
    number, dot, name = field.partition(".")
    if not (dot and number.strip().isdecimal()):
        number, name = "", field
    places = [int(number) - 1] if number else list(range(len(given)))
    if not equals or not name.strip() or not all(0 <= place < len(given) for place in places):
        yield Fault(f"{OPTION}-set", f"{text!r} sets nothing", f"Write [N.]FIELD=VALUE, with N from 1 to {len(given)}")
        return
    for place in places:
        top, dot, option = name.strip().partition(".")
        inner = {**given[place].get(top, {}), option: _value(value)} if dot else _value(value)
        given[place][top] = inner


def _unit(data: Mapping[str, Any], place: int, faults: list[Fault]) -> ControlUnit:
    """The unit, its paths made absolute; one that is wrong is told and has its defaults."""
    known = [field.name for field in fields(ControlUnit)]
    for name in set(data) - set(known):
        faults.append(Fault(f"{OPTION} {place + 1}: {name}", "no such setting", suggestion(name, known)))
    try:
        given = {name: value for name, value in data.items() if name in known}
        unit = TypeAdapter(ControlUnit).validate_python(given)
    except ValidationError as error:
        for entry in error.errors(include_url=False):
            where = ".".join(map(str, entry["loc"][:1]))
            faults.append(Fault(f"{OPTION} {place + 1}: {where}", f"{entry['msg']}, got {entry['input']!r}"))
        return ControlUnit()
    absolute = {name: str(Path(text).expanduser().resolve()) for name, text in unit.files().items()}
    source = absolute.get("source", unit.source if unit.source in OF_THE_RENDER else "")
    return replace(unit, source=source, first=absolute.get("first", unit.first), mask=absolute.get("mask", ""))


def _value(text: str) -> Any:
    """JSON, else the text itself."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text
