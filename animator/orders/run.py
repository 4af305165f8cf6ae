"""Run: orders with the pictures they start from, drawn one after the other and written as they come."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from pathlib import Path

from animator.build import build_generator
from animator.fitting import Draw, network_faults
from animator.orders.drawing import Hands, Made, drawn
from animator.orders.facts import facts
from animator.orders.files import Source, Target
from animator.orders.naming import Subject
from animator.orders.order import Order
from animator.orders.plan import Plan, square
from animator.orders.units import Steering
from core.devices import ModelPool
from core.errors import ProjectError, UserError
from core.image import Image, Size
from core.seeds import SEED_RANGE
from diffusion.backends import Generator
from diffusion.upscaling import enlarger
from media.grid import check_size, layout
from media.inscribed import write_picture


@dataclass(frozen=True)
class Run:
    """Everything that one command draws."""

    plan: Plan
    sources: tuple[Source, ...]  # each order is drawn from each; none for text to image
    target: Target
    pool: ModelPool
    generator: str = "stills"
    seed_step: int = 0  # added to the seed from one source to the next
    grid: bool = True  # whether several pictures are laid out in a grid, too
    singles: bool = True  # whether pictures are written beside the grid
    rows: int = 0  # of a grid without axes; 0 makes it about square
    margin: int = 0  # pixels between pictures of a grid
    named_as_sources: bool = False

    @property
    def total(self) -> int:
        """How many pictures are drawn."""
        return self.plan.pictures * max(1, len(self.sources))

    @cached_property
    def tasks(self) -> list[tuple[Order, Source | None]]:
        """Every order with its source, in the order of the results."""
        if not self.sources:
            return [(order, None) for order in self.plan.orders]
        return [
            (replace(order, seed=(order.seed + n * self.seed_step) % SEED_RANGE), source)
            for n, source in enumerate(self.sources)
            for order in self.plan.orders
        ]

    @cached_property
    def paths(self) -> list[Path]:
        """The file of each picture, in the order of the results; empty if only the grid is kept, or by a pattern."""
        if self.target.naming is not None or (self.is_grid and not self.singles):
            return []
        seeds = [seed for order, _ in self.tasks for seed in order.seeds()]
        stems = [source.path.stem if source else "" for order, source in self.tasks for _ in order.seeds()]
        return self.target.names(seeds, stems if self.named_as_sources else ())

    @cached_property
    def grid_path(self) -> Path | None:
        """The file of the grid, None if there is none."""
        return self.target.grid() if self.is_grid else None

    @property
    def is_grid(self) -> bool:
        """Whether there is a grid: of several pictures, and not of a folder's."""
        return self.grid and self.total > 1 and not self.named_as_sources

    def check(self, *, may_replace: bool) -> None:
        """Raises UserError if networks do not fit, files would be replaced, or the grid would be too large."""
        if self.generator == "stills":
            draws = (Draw("prompt", order.model, ((order.prompt, 1.0),)) for order in self.plan.orders)
            if faults := list(network_faults(draws)):
                raise ProjectError("image", faults)
        if self.is_grid and self.plan.layout is None:
            rows, columns = layout(self.total, self.rows)
            width, height = _drawn_size(self.plan.orders[0])
            try:
                check_size(Size(columns * (width + self.margin), rows * (height + self.margin)))
            except UserError as fault:
                raise UserError(fault.what, where="--grid", way_out="Leave it out with --no-grid") from fault
        self.target.check([*self.paths, *filter(None, [self.grid_path])], may_replace=may_replace)

    def pictures(self) -> Iterator[tuple[Made, Path | None]]:
        """Draws and writes everything; yields each picture with its file. The grid is written last.

        It says how its first picture was made, and on which axes the others differ.
        """
        starts = _starts([order.pictures for order, _ in self.tasks])
        kept: dict[int, Image] = {}
        said: dict[int, str] = {}  # how the pictures of the grid were made
        upscalers = partial(enlarger, pool=self.pool)
        hands = Hands(self._generator, facts, Steering(self.pool, self.generator).of, upscalers)
        for n in self._sequence():
            order, source = self.tasks[n]
            order = source.started(order) if source else order
            for k, made in enumerate(drawn(order, hands)):
                path = self._path(starts[n] + k, Subject(made.order, order, k, made.infotext.fields, made.image))
                if path is not None:
                    write_picture(path, made.image, str(made.infotext))
                if self.is_grid and (k == 0 or self.plan.layout is None):
                    kept[starts[n] + k], said[starts[n] + k] = made.image, str(made.infotext)
                yield made, path
        if self.grid_path is not None:
            images = [kept[place] for place in sorted(kept)]
            write_picture(self.grid_path, self._grid(images), said[min(said)])

    def _path(self, place: int, subject: Subject) -> Path | None:
        """The file of a picture, None if it is kept in the grid alone."""
        if self.is_grid and not self.singles:
            return None
        return self.paths[place] if self.target.naming is None else self.target.named(subject)

    def _grid(self, images: Sequence[Image]) -> Image:
        cells = self.plan.layout
        return square(images, self.rows, self.margin) if cells is None else cells.drawn(images, self.margin)

    def _sequence(self) -> list[int]:
        """Places of tasks as they are best drawn."""
        count = len(self.plan.orders)
        return [first + n for first in range(0, len(self.tasks), count) for n in self.plan.sequence()]

    def _generator(self, order: Order) -> Generator:
        return build_generator(self.generator, order.model, order.vae, self.pool)


def _drawn_size(order: Order) -> Size:
    """The size of its pictures."""
    if order.hires is None:
        return order.size
    from diffusion.hires import Enlargement

    return Enlargement.of(order.hires, order.size).final


def _starts(counts: Sequence[int]) -> list[int]:
    """Where each task's pictures begin."""
    starts, total = [], 0
    for count in counts:
        starts.append(total)
        total += count
    return starts
