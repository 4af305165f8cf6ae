"""Trains the small FILM on the painter's moving scenes, whose pictures in between and flow are exact.

`python -m training.film --run FOLDER --minutes 60`
"""

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import cv2
import numpy as np
import torch
import typer
from numpy.typing import NDArray
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset

from core.image import FlowField, Image, Size, to_float
from core.seeds import derive
from interpolation.models._film_network import SLOPE, FilmNetwork, FilmSizes, Pyramid, halved
from interpolation.models._pictures import WEIGHTS
from training import command
from training.command import Batch, Count, Device, Minutes, Processes, Run
from training.mini.crew import one_thread, shared_out
from training.mini.run import Average, Clock, RunFolder, in_half, rate
from training.painter.briefs import LAYOUTS, SUBJECTS, brief
from training.painter.compose import scene
from training.painter.theatre import Shot, flow, view

MINI = FilmSizes(filters=16, stages=3, flow_filters=(16, 32, 48), flow_convs=2, fusion_levels=4)
TURN, ZOOM = 8.0, 0.08  # degrees and share, at most, by which the last picture is turned and zoomed against the first
CACHE = "triplets.npz"


@dataclass(frozen=True, slots=True)
class FilmPlan:
    """Settings of a run."""

    run: Path  # triplets, checkpoint and log
    minutes: float  # whole budget, over all resumptions
    triplets: int = 540  # painted once, then varied
    painted: int = 128  # pixels, side of the painted pictures
    side: int = 64  # pixels, side of what is learned from at first; the painted side from `grows` on
    grows: float = 0.6  # share of the budget
    batch: int = 8  # of pictures of `side`; a quarter of it once they are four times as large
    peak: float = 1.5e-3  # learning rate
    seed: int = 1
    sizes: FilmSizes = MINI
    device: str = "cpu"
    processes: int = 1  # that paint, and vary what was painted


@dataclass(frozen=True, slots=True)
class Triplet:
    """Three moments of a moving scene, evenly spaced, and where the middle one's pixels lie in the other two."""

    first: Image
    middle: Image
    last: Image
    to_first: FlowField
    to_last: FlowField


def journey(seed: int, largest: float) -> tuple[Shot, Shot, Shot]:
    """Three evenly spaced shots of a camera that goes on straight.

    Args:
        seed: the same seed gives the same shots.
        largest: way between the first and the last across the view, at most, in frame heights at distance 1.
    """
    draw = np.random.default_rng(derive(seed, "journey"))
    way = largest * draw.uniform(0.05, 1)
    heading = draw.uniform(0, 2 * np.pi)
    x, y = draw.uniform(-0.1, 0.1), draw.uniform(-0.03, 0.03)
    right, down, on = way * np.cos(heading), 0.4 * way * np.sin(heading), way * draw.uniform(-1, 1)
    start, seconds = draw.uniform(0, 4), draw.uniform(0.02, 0.4)
    first, middle, last = (
        Shot(x + right * share, y + down * share, 0.1 + on * share, start + seconds * (share + 0.5))
        for share in (-0.5, 0.0, 0.5)
    )
    return first, middle, last


def painted(seed: int, number: int, side: int) -> Triplet:
    """One triplet: subjects take turns, half of the journeys are long."""
    own = derive(seed, "film", number)
    shown = scene(brief(own, SUBJECTS[number % len(SUBJECTS)], LAYOUTS))
    shots = journey(own, 0.3 if number // len(SUBJECTS) % 2 else 0.1)
    first, middle, last = (view(shown, Size(side, side), shot) for shot in shots)
    return Triplet(
        first.image,
        middle.image,
        last.image,
        flow(shown, middle, shots[1], shots[0]),
        flow(shown, middle, shots[1], shots[2]),
    )


def _numbered(plan: FilmPlan, number: int) -> Triplet:
    return painted(plan.seed, number, plan.painted)


def triplets(plan: FilmPlan) -> list[Triplet]:
    """All triplets of a plan; kept in the run's folder, and painted as far as they are not there yet."""
    file = plan.run / CACHE
    known = _kept(file) if file.is_file() else []
    if len(known) < plan.triplets:
        known += shared_out(partial(_numbered, plan), range(len(known), plan.triplets), plan.processes)
        plan.run.mkdir(parents=True, exist_ok=True)
        pictures = np.stack([[one.first, one.middle, one.last] for one in known])
        flows = np.stack([[one.to_first, one.to_last] for one in known]).astype(np.float16)
        with (plan.run / "unfinished.npz").open("wb") as unfinished:
            np.savez(unfinished, pictures=pictures, flows=flows)
        (plan.run / "unfinished.npz").replace(file)
        known = _kept(file)  # flows in half precision, as they will be after a resumption
    return known[: plan.triplets]


def _kept(file: Path) -> list[Triplet]:
    """The triplets of a cache."""
    with np.load(file) as kept:
        return [Triplet(*shown, *moves) for shown, moves in zip(kept["pictures"], kept["flows"], strict=True)]


def varied(triplet: Triplet, side: int, draw: np.random.Generator) -> Triplet:
    """A square part of a triplet, turned, mirrored, run backwards; the same event seen otherwise."""
    triplet = _cut(triplet, side, draw)
    if draw.random() < 0.4:
        triplet = _turned(triplet, draw.uniform(-TURN, TURN), 1 + draw.uniform(-ZOOM, ZOOM))
    pictures = [triplet.first, triplet.middle, triplet.last]
    flows = [triplet.to_first, triplet.to_last]
    if draw.random() < 0.5:
        pictures, flows = pictures[::-1], flows[::-1]
    for axis, sign in ((1, (-1, 1)), (0, (1, -1))):
        if draw.random() < 0.5:
            pictures = [np.flip(picture, axis) for picture in pictures]
            flows = [np.flip(field, axis) * np.array(sign, np.float32) for field in flows]
    if draw.random() < 0.5:
        pictures = [picture.transpose(1, 0, 2) for picture in pictures]
        flows = [field.transpose(1, 0, 2)[..., ::-1] for field in flows]
    order = draw.permutation(3)
    pictures = [picture[..., order] for picture in pictures]
    return Triplet(*pictures, *flows)


def _cut(triplet: Triplet, side: int, draw: np.random.Generator) -> Triplet:
    """A part of the pictures at a size between theirs and `side`."""
    whole = triplet.first.shape[0]
    scale = draw.uniform(side / whole, 1)
    height = max(side, round(whole * scale))
    top, left = draw.integers(0, height - side + 1, 2)

    def part(values: NDArray[np.generic]) -> NDArray[np.generic]:
        small = cv2.resize(values, (height, height), interpolation=cv2.INTER_AREA)
        return np.asarray(small[top : top + side, left : left + side])

    flows = [part(field.astype(np.float32) * (height / whole)) for field in (triplet.to_first, triplet.to_last)]
    return Triplet(*map(part, (triplet.first, triplet.middle, triplet.last)), *flows)


def _turned(triplet: Triplet, degrees: float, zoom: float) -> Triplet:
    """The first and last picture turned and zoomed about the centre, each by half and to opposite sides."""
    side = triplet.first.shape[0]
    centre = (side - 1) / 2
    rows, columns = np.indices((side, side), np.float32)
    pictures, flows = [], []
    moves = ((triplet.first, triplet.to_first, 0.5), (triplet.last, triplet.to_last, -0.5))
    for picture, field, share in moves:
        matrix = cv2.getRotationMatrix2D((centre, centre), degrees * share, zoom**share).astype(np.float32)
        pictures.append(cv2.warpAffine(picture, matrix, (side, side), borderMode=cv2.BORDER_REFLECT_101))
        x, y = columns + field[..., 0], rows + field[..., 1]
        moved = np.stack([row[0] * x + row[1] * y + row[2] for row in matrix], -1)
        flows.append(moved - np.stack([columns, rows], -1))
    return Triplet(pictures[0], triplet.middle, pictures[1], *flows)


@dataclass(frozen=True)
class Batches(Dataset[tuple[Tensor, ...]]):
    """All batches of a size by their step, so that other processes can make them ahead."""

    made: Sequence[Triplet]
    plan: FilmPlan
    side: int  # pixels

    def __getitem__(self, step: int) -> tuple[Tensor, ...]:
        """The batch of a step."""
        return batch(self.made, self.plan, step, self.side)

    def ahead(self, step: int) -> Iterator[tuple[Tensor, ...]]:
        """The batches from a step on, without end."""
        workers = 0 if self.plan.processes == 1 else self.plan.processes
        return iter(DataLoader(self, batch_size=None, sampler=itertools.count(step), num_workers=workers))


def batch(made: Sequence[Triplet], plan: FilmPlan, step: int, side: int) -> tuple[Tensor, ...]:
    """First, middle, last: N x 3 x H x W in 0..1; the two flows from the middle: N x 2 x H x W, pixels."""
    draw = np.random.default_rng(derive(plan.seed, "batch", step))
    count = max(1, round(plan.batch * plan.side**2 / side**2))
    chosen = [varied(made[index], side, draw) for index in draw.integers(0, len(made), count)]
    fields = ("first", "middle", "last", "to_first", "to_last")
    return tuple(_stacked([getattr(one, field) for one in chosen]) for field in fields)


def _stacked(values: Sequence[NDArray[np.generic]]) -> Tensor:
    """Arrays H x W x C as N x C x H x W, pictures as 0..1."""
    floats = [to_float(one) if one.dtype == np.uint8 else one.astype(np.float32) for one in values]
    return torch.from_numpy(np.stack(floats)).permute(0, 3, 1, 2).contiguous(memory_format=torch.channels_last)


def flow_error(found: Pyramid, wanted: Tensor) -> Tensor:
    """Mean error of the flows of all levels, each in pixels of its level."""
    total = torch.zeros((), device=wanted.device)
    for level in found:
        total = total + (level - wanted).abs().mean()
        wanted = halved(wanted) / 2 if min(wanted.shape[-2:]) > 1 else wanted
    return total


def begin_as_mean(network: FilmNetwork) -> None:
    """Starts from no motion and the mean of the two warped pictures, so that training begins where blending ends."""
    convs = [module for module in network.modules() if isinstance(module, nn.Conv2d)]
    for conv in convs:
        nn.init.kaiming_normal_(conv.weight, SLOPE)
        nn.init.zeros_(conv.bias)
    with torch.no_grad():
        for predictor in (*network.flow.special, network.flow.shared):
            predictor[-1].weight.mul_(0.02)  # type: ignore[index, operator, union-attr]
        _, join, smooth = network.fusion.stages[0]  # type: ignore[misc]
        second = 3 + network.sizes.features(0)  # channel at which the other picture begins
        network.fusion.colour.weight.mul_(0.02)
        for colour in range(3):
            for conv in (join, smooth):
                conv.weight[colour] = 0
            join.weight[colour, [colour, second + colour], 1, 1] = 0.5
            smooth.weight[colour, colour, 1, 1] = 1
            network.fusion.colour.weight[colour, :3] = 0
            network.fusion.colour.weight[colour, colour] = 1


def train(plan: FilmPlan) -> Path:
    """Trains until the budget is used up, going on from the run's checkpoint if there is one.

    Returns:
        The weights file, float16, in the run's folder.
    """
    torch.manual_seed(plan.seed)
    network, folder = FilmNetwork(plan.sizes), RunFolder(plan.run)
    begin_as_mean(network)
    network.to(plan.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    parameters = list(network.parameters())
    optimizer = torch.optim.AdamW(parameters, lr=plan.peak, weight_decay=1e-4)
    average, step, used = Average(parameters, 0.998), 0, 0.0
    if (kept := folder.load()) is not None:
        network.load_state_dict(kept["network"])
        optimizer.load_state_dict(kept["optimizer"])
        average.restore(kept["average"])
        step, used = kept["step"], kept["seconds"]
    made = triplets(plan)
    clock, side = Clock(plan.minutes, used), 0
    while not clock.is_up():
        for group in optimizer.param_groups:
            group["lr"] = rate(clock.progress(), plan.peak)
        if side != (side := plan.side if clock.progress() < plan.grows else plan.painted):
            batches = Batches(made, plan, side).ahead(step)
        given = tuple(part.to(plan.device, non_blocking=True) for part in next(batches))
        picture, moves = errors(network, given)
        optimizer.zero_grad()
        (picture + 0.02 * (1.05 - clock.progress()) * moves).backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(parameters, 0.5)
        optimizer.step()
        step += 1
        average.update(step)
        if clock.is_time_to_save():
            folder.log(f"film step {step} side {side} picture {picture.item():.4f} flow {moves.item():.3f}")
            state = {"network": network.state_dict(), "optimizer": optimizer.state_dict(), "average": average.values}
            folder.save({**state, "step": step, "seconds": clock.seconds()})
    with average.swapped():
        save_file(in_half(network.state_dict()), plan.run / WEIGHTS)
    return plan.run / WEIGHTS


def errors(network: FilmNetwork, given: tuple[Tensor, ...]) -> tuple[Tensor, Tensor]:
    """Mean error of the pictures made, levels 0..1, and of the flows they were made by, pixels over all levels."""
    first, middle, last, to_first, to_last = given
    half = torch.full((first.shape[0], 1), 0.5, device=first.device)
    made, ahead, back = network.between(first, last, half)
    return (made - middle).abs().mean(), flow_error(ahead, 2 * to_last) + flow_error(back, 2 * to_first)


def main(
    run: Run,
    minutes: Minutes,
    count: Count = 540,
    batch_size: Batch = 8,
    device: Device = "cpu",
    processes: Processes = 1,
) -> None:
    """Trains the small FILM; goes on where it stopped."""
    one_thread()
    torch.set_float32_matmul_precision("high")
    plan = FilmPlan(run, minutes, count, batch=batch_size, device=device, processes=processes)
    print(train(plan))


if __name__ == "__main__":
    command.run(lambda: typer.run(main))
