"""Trains ControlNets of the embedded model on painted scenes: canny, depth, temporal."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from diffusers import ControlNetModel
from torch import Tensor

from core.seeds import derive
from training.mini.control_examples import CHANNELS, ExamplePlan, Examples, Kind, examples
from training.mini.model import MiniModel, refuse_missing
from training.mini.run import Average, Clock, RunFolder, rate
from training.mini.unet import shares, spread_times

HINT_WIDTHS = (16, 16, 32, 64, 96)  # one halving between each: 16 pixels of the hint a latent cell
GLANCE = 0.25  # share of the budget in which the layers that look at the hint learn alone
SILENT = ("controlnet_down_blocks", "controlnet_mid_block", "controlnet_cond_embedding.conv_out")  # zero at first
EAGER = 5.0  # how much faster these learn: until they speak, nothing behind them learns


@dataclass(frozen=True, slots=True)
class ControlPlan:
    """Settings of a run."""

    kind: Kind
    start: Path  # model folder whose UNet is steered
    data: Path  # painted examples are kept here
    run: Path  # checkpoint, log and the finished network
    minutes: float  # whole budget, over all resumptions
    pictures: int = 900
    batch: int = 8
    peak: float = 6e-4  # learning rate
    seed: int = 1
    held_out: int = 16  # pictures besides, on which the error is measured
    device: str = "cpu"
    begin: Path | None = None  # folder of a network to go on from; None: a copy of the UNet, blind at first


class ControlTraining:
    """A network, its optimizer and its average, as the checkpoint left them; the model it steers stays as it is."""

    def __init__(self, plan: ControlPlan) -> None:
        """Args: plan: of the run, whose folder may hold a checkpoint."""
        if plan.begin is not None:
            refuse_missing(plan.begin)
        self.plan, self.model = plan, MiniModel.load(plan.start, plan.device)
        for frozen in (self.model.unet, self.model.text):
            frozen.requires_grad_(False)
        torch.manual_seed(plan.seed)
        self.network: Any = self._beginning().to(plan.device).train()
        self.parameters = list(self.network.parameters())
        silent = [value for name, value in self.network.named_parameters() if name.startswith(SILENT)]
        others = [value for name, value in self.network.named_parameters() if not name.startswith(SILENT)]
        groups = [{"params": others, "eager": 1.0}, {"params": silent, "eager": EAGER}]
        self.optimizer = torch.optim.AdamW(groups, lr=plan.peak, betas=(0.9, 0.99), weight_decay=0.01)
        self.average, self.step, self.used = Average(self.parameters), 0, 0.0
        if (kept := RunFolder(plan.run).load()) is not None:
            self.network.load_state_dict(kept["network"])
            self.optimizer.load_state_dict(kept["optimizer"])
            self.average.restore(kept["average"])
            self.step, self.used = kept["step"], kept["seconds"]

    def _beginning(self) -> Any:
        if self.plan.begin is not None:
            return ControlNetModel.from_pretrained(self.plan.begin, torch_dtype=torch.float32)
        return ControlNetModel.from_unet(
            self.model.unet,
            conditioning_embedding_out_channels=HINT_WIDTHS,
            conditioning_channels=CHANNELS[self.plan.kind],
        )

    def advance(self, found: Examples, progress: float) -> Tensor:
        """One step on a batch of the examples; the error before it."""
        for group in self.optimizer.param_groups:
            group["lr"] = group["eager"] * rate(progress, self.plan.peak)
        seed = derive(self.plan.seed, "batch", self.step)
        places = np.random.default_rng(seed).integers(0, len(found.captions) - self.plan.held_out, self.plan.batch)
        batch = found.chosen(torch.from_numpy(places))
        judge = glance if self.plan.begin is None and progress < GLANCE else loss
        error = judge(self.model, self.network, batch, seed)
        self.optimizer.zero_grad()
        error.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(self.parameters, 1.0)
        self.optimizer.step()
        self.step += 1
        self.average.update(self.step)
        return error

    def save(self, seconds: float) -> None:
        """Writes the checkpoint, and the averaged network as diffusers keeps it, float16."""
        state = {"network": self.network.state_dict(), "optimizer": self.optimizer.state_dict()}
        state |= {"average": self.average.values, "step": self.step, "seconds": seconds}
        RunFolder(self.plan.run).save(state)
        with self.average.swapped():
            weights = {name: value.clone() for name, value in self.network.state_dict().items()}
        finished = ControlNetModel.from_config(self.network.config)
        finished.load_state_dict(weights)
        finished.half().save_pretrained(self.plan.run / self.plan.kind)


def train(plan: ControlPlan) -> Path:
    """Trains until the budget is used up, going on from the run's checkpoint if there is one.

    Returns:
        The folder of the network; it is there, and replaced, at every save.
    """
    training, folder = ControlTraining(plan), RunFolder(plan.run)
    painted = ExamplePlan(plan.kind, plan.start, plan.data, plan.pictures + plan.held_out, plan.seed)
    found = examples(painted).on(plan.device)
    held_out = found.chosen(torch.arange(plan.pictures, len(found.captions)))
    swapped = replace(held_out, hints=held_out.hints.roll(1, 0))
    alone = _held_out(training.model, None, held_out)
    clock = Clock(plan.minutes, training.used)
    while not clock.is_up():
        error = training.advance(found, clock.progress())
        if clock.is_time_to_save():
            training.save(clock.seconds())
            with training.average.swapped():
                steered, misled = (_held_out(training.model, training.network, one) for one in (held_out, swapped))
            folder.log(
                f"{plan.kind} step {training.step} loss {error.item():.4f} held out {steered:.4f}, "
                f"with another picture's hint {misled:.4f}, without the network {alone:.4f}"
            )
    return plan.run / plan.kind


def glance(model: MiniModel, network: Any, batch: Examples, _seed: int) -> Tensor:
    """How far what is made of the hints is from what the UNet's first layer makes of the clean pictures; a share.

    The copied layers behind understand that from the start, so that the network need not first find a language.
    """
    with torch.no_grad():
        wanted = model.unet.conv_in(batch.latents.float())
    found = network.controlnet_cond_embedding(batch.hints.float() / 255)
    return torch.nn.functional.mse_loss(found, wanted) / wanted.var()


def loss(model: MiniModel, network: Any, batch: Examples, seed: int) -> Tensor:
    """Mean squared error of the velocity that the steered UNet predicts; all draws follow from the seed.

    Args:
        model: whose UNet is steered.
        network: a ControlNet; None for the UNet alone.
        batch: all that are used.
    """
    latents, hints = batch.latents.float(), batch.hints.float() / 255
    draw = torch.Generator(latents.device).manual_seed(seed)
    times = spread_times(len(latents), model.scheduler.config.num_train_timesteps, draw)
    noise = torch.randn(latents.shape, generator=draw, device=draw.device)
    signal, spread = shares(model, times)
    with torch.no_grad():
        told = model.text(model.tokens(batch.captions)).last_hidden_state
    noisy = signal * latents + spread * noise
    steered = {}
    if network is not None:
        down, middle = network(noisy, times, told, controlnet_cond=hints, return_dict=False)
        steered = {"down_block_additional_residuals": down, "mid_block_additional_residual": middle}
    given = model.unet(noisy, times, told, **steered).sample
    return torch.nn.functional.mse_loss(given, signal * noise - spread * latents)


@torch.inference_mode()
def _held_out(model: MiniModel, network: Any, held_out: Examples) -> float:
    """The error on examples that are not trained on, with the same noise each time."""
    return float(loss(model, network, held_out, seed=0))
