"""The loop that trains networks on cached latents, in one process or several, until a budget is used up."""

import os
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
import torch
from torch import Tensor, nn
from torch.multiprocessing.spawn import spawn

from core.errors import UserError
from core.image import Image
from core.seeds import derive
from training.mini.data import Cache, DataPlan, Latents, finished, validation
from training.mini.model import MiniModel
from training.mini.replicas import Meeting
from training.mini.run import Average, Clock, RunFolder, rate
from training.mini.samples import write_sheet

MEET_EVERY = 25  # steps between two exchanges with the other processes
HELD_OUT = 16  # pictures of the validation set


class Task(Protocol):
    """What is trained, and towards what."""

    model: MiniModel

    def networks(self) -> Mapping[str, nn.Module]:
        """The networks that change, by their names in the checkpoint."""
        ...

    def loss(self, latents: Tensor, captions: list[str], seed: int) -> Tensor:
        """The error on a batch; all that is random follows from the seed."""
        ...

    def sheet(self) -> Image:
        """Sample pictures of the networks as they are."""
        ...


@dataclass(frozen=True, slots=True)
class Plan:
    """Settings of a run."""

    start: Path  # model folder with the weights to start from
    data: Path  # folder of cached latents
    run: Path  # checkpoint, log and sheets
    minutes: float  # whole budget, over all resumptions
    processes: int = 1  # several meet in memory; of a processor only
    batch: int = 8  # of each process
    peak: float = 6e-4  # learning rate
    seed: int = 1
    sheets: bool = True  # one after each tenth of the budget
    device: str = "cpu"  # cuda: one process


MakeTask = Callable[[Path, str], Task]  # from model folder and device; a top-level class, so that processes find it


class Training:
    """Networks, their optimizer and their average, as the checkpoint left them."""

    def __init__(self, make: MakeTask, plan: Plan) -> None:
        """Args: make: the task; plan: of the run, whose folder may hold a checkpoint."""
        self._plan = plan
        self.task = make(plan.start, plan.device)
        networks = self.task.networks()
        for network in networks.values():
            network.train().requires_grad_(True)
        self.parameters = [parameter for network in networks.values() for parameter in network.parameters()]
        self.optimizer = torch.optim.AdamW(self.parameters, lr=plan.peak, betas=(0.9, 0.99), weight_decay=0.01)
        self.average, self.step, self._used = Average(self.parameters), 0, 0.0
        if (kept := RunFolder(plan.run).load()) is not None:
            for name, network in networks.items():
                network.load_state_dict(kept[name])
            self.optimizer.load_state_dict(kept["optimizer"])
            self.average.restore(kept["average"])
            self.step, self._used = kept["step"], kept["seconds"]
        self.start_clock()

    def start_clock(self) -> None:
        """Counts the budget from now on: setting up is not training."""
        self.clock = Clock(self._plan.minutes, self._used)

    def save(self) -> None:
        """Writes the checkpoint."""
        state = {name: network.state_dict() for name, network in self.task.networks().items()}
        state |= {"optimizer": self.optimizer.state_dict(), "average": self.average.values}
        RunFolder(self._plan.run).save({**state, "step": self.step, "seconds": self.clock.seconds()})

    def advance(self, error: Tensor) -> None:
        """One step down the slope of an error."""
        for group in self.optimizer.param_groups:
            group["lr"] = rate(self.clock.progress(), self._plan.peak)
        self.optimizer.zero_grad()
        error.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(self.parameters, 1.0)
        self.optimizer.step()
        self.step += 1


def train(make: MakeTask, plan: Plan) -> None:
    """Trains until the budget is used up, going on from the run's checkpoint if there is one.

    Raises:
        UserError: for several processes on a GPU, or a folder without latents.
    """
    if plan.processes > 1 and plan.device != "cpu":
        raise UserError(f"{plan.processes} processes on {plan.device}", way_out="A GPU takes one: --processes 1")
    if not finished(plan.data):
        way_out = "Paint some: python -m training.mini data FOLDER"
        raise UserError("no latents lie there", where=str(plan.data), way_out=way_out)
    memory = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None) as folder:
        shared = Path(folder) / "parameters"
        Meeting.found(shared, Training(make, plan).parameters)
        if plan.processes == 1:
            _replica(0, make, plan, shared)
        else:
            spawn(_replica, (make, plan, shared), nprocs=plan.processes)  # type: ignore[no-untyped-call]


def _replica(rank: int, make: MakeTask, plan: Plan, shared: Path) -> None:
    """One process of a run, ends with the one it came from; the first keeps average, checkpoint, log and sheets."""
    torch.set_num_threads(1)
    parent = os.getppid()
    training, folder = Training(make, plan), RunFolder(plan.run)
    task, name = training.task, plan.run.name
    meeting = Meeting(shared, training.parameters)
    cached = Cache.read(plan.data, plan.device)
    held_out = validation(task.model, DataPlan(plan.start, plan.data), HELD_OUT)
    training.start_clock()
    while not training.clock.is_up() and os.getppid() == parent:
        seed = derive(plan.seed, "batch", rank, training.step)
        latents, captions = cached.batch(plan.batch, np.random.default_rng(seed))
        error = task.loss(latents, captions, seed)
        training.advance(error)
        if training.step % MEET_EVERY == 0 and plan.processes > 1:
            meeting.exchange()
        if rank > 0:
            continue
        training.average.update(training.step)
        if training.clock.is_time_to_save():
            training.save()
            cached = cached.grown()
            with training.average.swapped():
                folder.log(
                    f"{name} step {training.step} loss {error.item():.4f} held out {_held_out(task, held_out):.4f}"
                )
                sheet = plan.run / f"sheet-{int(10 * training.clock.progress()):02d}.png"
                if plan.sheets and not sheet.exists():
                    write_sheet(sheet, task.sheet())


@torch.inference_mode()
def _held_out(task: Task, held_out: Latents) -> float:
    """The error on the validation set, with the same noise each time."""
    captions = [texts[0] for texts in held_out.captions]
    return float(task.loss(held_out.latents.float(), captions, seed=0))
