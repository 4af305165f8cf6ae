"""Plan: all orders of one run and the grids they are laid out in; nothing is drawn yet."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from animator.orders.axes import NOTHING, Axis
from animator.orders.order import Order
from animator.orders.variants import parts_of
from core.errors import UserError
from core.image import Image, Size
from media.grid import Label, check_size, grid, labelled, layout


@dataclass(frozen=True, slots=True)
class Layout:
    """How the first pictures of orders are laid out."""

    columns: tuple[tuple[Label, ...], ...]
    rows: tuple[tuple[Label, ...], ...]
    pages: tuple[str, ...] = ("",)  # titles of grids side by side

    def drawn(self, images: Sequence[Image], margin: int = 0) -> Image:
        """The grid, from the pictures page by page, row by row."""
        each = len(self.columns) * len(self.rows)
        pages = [
            labelled(images[first : first + each], self.columns, self.rows, margin)
            for first in range(0, len(images), each)
        ]
        if len(pages) == 1 and not self.pages[0]:
            return pages[0]
        return labelled(pages, [(Label(title),) for title in self.pages], [()], margin)


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be drawn."""

    orders: tuple[Order, ...]  # in the order of the grid
    layout: Layout | None = None  # None: all pictures in one grid that is about square

    @property
    def pictures(self) -> int:
        """How many pictures it comes to."""
        return sum(order.pictures for order in self.orders)

    def sequence(self) -> list[int]:
        """Places of orders as they are best drawn: those of one model together."""
        models = [(order.model, order.vae, order.refiner) for order in self.orders]
        places = {model: place for place, model in enumerate(dict.fromkeys(models))}
        return sorted(range(len(models)), key=lambda n: places[models[n]])


def on_axes(order: Order, axes: Sequence[Axis]) -> Plan:
    """An order for every cell of an X/Y/Z grid.

    Args:
        order: that the axes change; its first picture stands in the grid.
        axes: one to three: X, Y, Z.

    Raises:
        UserError: for a value that cannot be, or a grid that would be too large.
    """
    x, y, z = (*axes, NOTHING, NOTHING)[:3]
    notes = {"Script": "X/Y/Z plot"}
    for letter, one in zip("XYZ", (x, y, z), strict=True):
        notes |= {f"{letter} Type": one.name, f"{letter} Values": one.text} if one is not NOTHING else {}
    check_size(Size(order.size.width * len(x.values) * len(z.values), order.size.height * len(y.values)))
    cells = [
        replace(across.acts(down.acts(page.acts(order))), notes={**order.notes, **notes})
        for page in z.values
        for down in y.values
        for across in x.values
    ]
    return Plan(
        tuple(cells),
        Layout(
            tuple((Label(value.label),) for value in x.values),
            tuple((Label(value.label),) for value in y.values),
            tuple(value.label for value in z.values),
        ),
    )


def of_matrix(orders: Sequence[Order], prompt: str) -> Plan:
    """The combinations of a prompt matrix, half of the optional parts across, the others down."""
    options = parts_of(prompt)[1:]
    across, down = options[: math.ceil(len(options) / 2)], options[math.ceil(len(options) / 2) :]
    return Plan(tuple(orders), Layout(_choices(across), _choices(down)))


def square(images: Sequence[Image], rows: int = 0, margin: int = 0) -> Image:
    """All pictures of a run in one grid."""
    return grid(images, layout(len(images), rows)[1], margin)


def _choices(options: Sequence[str]) -> tuple[tuple[Label, ...], ...]:
    """The labels of every combination: those that are not there struck through."""
    return tuple(
        tuple(Label(option, bool(choice >> k & 1)) for k, option in enumerate(options))
        for choice in range(1 << len(options))
    )


def check_pictures(plan: Plan, most: int) -> None:
    """Raises UserError for a run of more pictures than anybody would wait for."""
    if plan.pictures > most:
        raise UserError(f"{plan.pictures} pictures are too many for one run", way_out=f"At most {most} are made")
