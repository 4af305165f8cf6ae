"""Trains the UNet and the text encoder together on cached latents."""

import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.multiprocessing.spawn import spawn

from core.seeds import derive
from training.mini.data import DataPlan, Latents, validation
from training.mini.model import MiniModel, write_weights
from training.mini.replicas import Meeting
from training.mini.run import Average, Clock, RunFolder, rate
from training.mini.samples import SHEET_PROMPTS, drawn, sheet, write_sheet

MEET_EVERY = 25  # steps between two exchanges with the other processes
SAVE_EVERY = 50  # steps
LOW_NOISE, HIGH_NOISE = 150, 500  # of 1000 training steps: below the first, pictures are nearly clean ...
LOW_WEIGHT, HIGH_WEIGHT = 0.3, 1.4  # ... and are drawn less often; above the second, layout and colour are decided
HELD_OUT = 16  # pictures of the validation set


@dataclass(frozen=True, slots=True)
class UNetPlan:
    """Settings of a run."""

    start: Path  # model folder with the weights to start from
    data: Path  # folder of cached latents
    run: Path  # checkpoint, log and sheets
    minutes: float  # whole budget, over all resumptions
    processes: int = 2
    batch: int = 8  # of each process
    peak: float = 6e-4  # learning rate
    seed: int = 1
    sheet_every: int = 1000  # steps; 0 for none


def train(plan: UNetPlan) -> None:
    """Trains until the budget is used up, going on from the run's checkpoint if there is one."""
    memory = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None) as folder:
        shared = Path(folder) / "parameters"
        Meeting.found(shared, _Training(plan).parameters)
        if plan.processes == 1:
            _replica(0, plan, shared)
        else:
            spawn(_replica, (plan, shared), nprocs=plan.processes)  # type: ignore[no-untyped-call]


def export(run: Path, start: Path, folder: Path) -> None:
    """Writes a run's averaged weights into a model folder.

    Args:
        run: the run's folder.
        start: the model folder it started from.
        folder: a copy of that model folder, or itself.
    """
    training = _Training(UNetPlan(start, run, run, minutes=1))
    with training.average.swapped():
        write_weights(training.model, folder)


class _Training:
    """The networks, their optimizer and their average, as the checkpoint left them."""

    def __init__(self, plan: UNetPlan) -> None:
        self.plan = plan
        self.model = MiniModel.load(plan.start)
        for network in (self.model.unet, self.model.text):
            network.train().requires_grad_(True)
        self.parameters = [*self.model.unet.parameters(), *self.model.text.parameters()]
        self.optimizer = torch.optim.AdamW(self.parameters, lr=plan.peak, betas=(0.9, 0.99), weight_decay=0.01)
        self.average, self.step, self.used = Average(self.parameters), 0, 0.0
        if (kept := RunFolder(plan.run).load()) is not None:
            self.model.unet.load_state_dict(kept["unet"])
            self.model.text.load_state_dict(kept["text"])
            self.optimizer.load_state_dict(kept["optimizer"])
            self.average.restore(kept["average"])
            self.step, self.used = kept["step"], kept["seconds"]
        self.start_clock()

    def start_clock(self) -> None:
        """Counts the budget from now on: setting up is not training."""
        self.clock = Clock(self.plan.minutes, self.used)

    def save(self) -> None:
        """Writes the checkpoint."""
        state = {"unet": self.model.unet.state_dict(), "text": self.model.text.state_dict()}
        state |= {"optimizer": self.optimizer.state_dict(), "average": self.average.values}
        RunFolder(self.plan.run).save({**state, "step": self.step, "seconds": self.clock.seconds()})

    def advance(self, error: Tensor) -> None:
        """One step down the slope of an error."""
        for group in self.optimizer.param_groups:
            group["lr"] = rate(self.clock.progress(), self.plan.peak)
        self.optimizer.zero_grad()
        error.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(self.parameters, 1.0)
        self.optimizer.step()
        self.step += 1


def _replica(rank: int, plan: UNetPlan, shared: Path) -> None:
    """One process of a run; the first one keeps average, checkpoint, log and sheets."""
    torch.set_num_threads(1)
    training, folder = _Training(plan), RunFolder(plan.run)
    meeting = Meeting(shared, training.parameters)
    cached = Latents.read(plan.data)
    held_out = validation(training.model, DataPlan(plan.start, plan.data), HELD_OUT)
    training.start_clock()
    while not training.clock.is_up():
        seed = derive(plan.seed, "batch", rank, training.step)
        latents, captions = cached.batch(plan.batch, np.random.default_rng(seed))
        error = loss(training.model, latents, captions, seed)
        training.advance(error)
        if training.step % MEET_EVERY == 0 and plan.processes > 1:
            meeting.exchange()
        if rank > 0:
            continue
        training.average.update(training.step)
        if training.step % SAVE_EVERY == 0 or training.clock.is_up():
            training.save()
            with training.average.swapped():
                error_there = _held_out(training.model, held_out)
                folder.log(f"unet step {training.step} loss {error.item():.4f} held out {error_there:.4f}")
                if plan.sheet_every and training.step % plan.sheet_every == 0:
                    write_sheet(plan.run / f"sheet-{training.step:06d}.png", sample_sheet(training.model))


def loss(model: MiniModel, latents: Tensor, captions: list[str], seed: int) -> Tensor:
    """Mean squared error of the predicted velocity; noise and times follow from the seed.

    Source: Salimans, Ho, Progressive distillation for fast sampling of diffusion models (2022), appendix D.
    """
    draw = torch.Generator().manual_seed(seed)
    times = spread_times(len(latents), model.scheduler.config.num_train_timesteps, draw)
    noise = torch.randn(latents.shape, generator=draw)
    signal = model.scheduler.alphas_cumprod[times].sqrt().reshape(-1, 1, 1, 1)
    spread = (1 - model.scheduler.alphas_cumprod[times]).sqrt().reshape(-1, 1, 1, 1)
    told = model.text(model.tokens(captions)).last_hidden_state
    given = model.unet(signal * latents + spread * noise, times, told).sample
    return torch.nn.functional.mse_loss(given, signal * noise - spread * latents)


def spread_times(count: int, steps: int, draw: torch.Generator) -> Tensor:
    """Training times 0..steps-1, one in each of `count` equally likely parts of their distribution."""
    weights = torch.ones(steps)
    weights[: LOW_NOISE * steps // 1000] = LOW_WEIGHT
    weights[HIGH_NOISE * steps // 1000 :] = HIGH_WEIGHT
    places = (torch.arange(count) + torch.rand(count, generator=draw)) / count
    return torch.searchsorted(torch.cumsum(weights / weights.sum(), 0), places).clamp(max=steps - 1)


def sample_sheet(model: MiniModel) -> np.ndarray:
    """Three pictures of each of the fixed prompts."""
    rows = [drawn(model, [prompt] * 3, (1, 2, 3)) for prompt in SHEET_PROMPTS]
    return sheet(rows, SHEET_PROMPTS)


@torch.inference_mode()
def _held_out(model: MiniModel, held_out: Latents) -> float:
    """The loss on the validation set, with the same noise each time."""
    captions = [texts[0] for texts in held_out.captions]
    return float(loss(model, held_out.latents.float(), captions, seed=0))
