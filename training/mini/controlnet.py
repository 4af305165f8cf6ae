"""Trains ControlNets of the embedded model on painted scenes: canny, depth, temporal."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import cv2
import numpy as np
import torch
from diffusers import ControlNetModel
from torch import Tensor

from core.image import Image, to_image
from core.seeds import derive
from training.mini.model import MiniModel
from training.mini.run import Average, Clock, RunFolder, rate
from training.mini.samples import NATIVE, as_tensor
from training.mini.unet import spread_times
from training.painter.briefs import SUBJECTS, brief
from training.painter.captions import caption
from training.painter.compose import scene
from training.painter.theatre import Shot, view

Kind = Literal["canny", "depth", "temporal"]
HINT_WIDTHS = (16, 16, 32, 64, 96)  # one halving between each: 16 pixels of the hint a latent cell
SAVE_EVERY = 50  # steps


@dataclass(frozen=True, slots=True)
class ControlPlan:
    """Settings of a run."""

    kind: Kind
    start: Path  # model folder whose UNet is steered
    data: Path  # painted examples are kept here
    run: Path  # checkpoint, log and the finished network
    minutes: float  # whole budget, over all resumptions
    pictures: int = 720
    batch: int = 8
    peak: float = 3e-4  # learning rate
    seed: int = 1
    layouts: int = 6  # compositions of each subject: more than the model draws by itself, so that the hint is needed


@dataclass(frozen=True, slots=True)
class Examples:
    """What a network learns from."""

    latents: Tensor  # float16, N x C x h x w
    hints: Tensor  # uint8, N x 3 x H x W
    captions: tuple[str, ...]


def train(plan: ControlPlan) -> Path:
    """Trains until the budget is used up, going on from the run's checkpoint if there is one.

    Returns:
        The folder of the network, as diffusers keeps it, float16.
    """
    model, folder = MiniModel.load(plan.start), RunFolder(plan.run)
    for frozen in (model.unet, model.text):
        frozen.requires_grad_(False)
    network = ControlNetModel.from_unet(model.unet, conditioning_embedding_out_channels=HINT_WIDTHS).train()
    parameters = list(network.parameters())
    optimizer = torch.optim.AdamW(parameters, lr=plan.peak, weight_decay=0.01)
    average, step, used = Average(parameters), 0, 0.0
    if (kept := folder.load()) is not None:
        network.load_state_dict(kept["network"])
        optimizer.load_state_dict(kept["optimizer"])
        average.restore(kept["average"])
        step, used = kept["step"], kept["seconds"]
    found = examples(plan, model)
    clock = Clock(plan.minutes, used)
    while not clock.is_up():
        for group in optimizer.param_groups:
            group["lr"] = rate(clock.progress(), plan.peak)
        error = loss(model, network, found, plan.batch, derive(plan.seed, "batch", step))
        optimizer.zero_grad()
        error.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(parameters, 1.0)
        optimizer.step()
        step += 1
        average.update(step)
        if step % SAVE_EVERY == 0 or clock.is_up():
            folder.log(f"{plan.kind} step {step} loss {error.item():.4f}")
            state = {"network": network.state_dict(), "optimizer": optimizer.state_dict(), "average": average.values}
            folder.save({**state, "step": step, "seconds": clock.seconds()})
    with average.swapped():
        network.half().save_pretrained(plan.run / plan.kind)
    return plan.run / plan.kind


def loss(model: MiniModel, network: Any, found: Examples, batch: int, seed: int) -> Tensor:
    """Mean squared error of the velocity that the steered UNet predicts; all draws follow from the seed."""
    chosen = torch.from_numpy(np.random.default_rng(seed).integers(0, len(found.captions), batch))
    latents, hints = found.latents[chosen].float(), found.hints[chosen].float() / 255
    draw = torch.Generator().manual_seed(seed)
    times = spread_times(batch, model.scheduler.config.num_train_timesteps, draw)
    noise = torch.randn(latents.shape, generator=draw)
    signal = model.scheduler.alphas_cumprod[times].sqrt().reshape(-1, 1, 1, 1)
    spread = (1 - model.scheduler.alphas_cumprod[times]).sqrt().reshape(-1, 1, 1, 1)
    with torch.no_grad():
        told = model.text(model.tokens([found.captions[index] for index in chosen])).last_hidden_state
    noisy = signal * latents + spread * noise
    down, middle = network(noisy, times, told, controlnet_cond=hints, return_dict=False)
    given = model.unet(
        noisy, times, told, down_block_additional_residuals=down, mid_block_additional_residual=middle
    ).sample
    return torch.nn.functional.mse_loss(given, signal * noise - spread * latents)


def examples(plan: ControlPlan, model: MiniModel) -> Examples:
    """The painted examples of a kind, painted once and kept in the plan's data folder."""
    file = plan.data / f"{plan.kind}-{plan.pictures}.npz"
    if not file.is_file():
        pairs = [painted(plan, index) for index in range(plan.pictures)]
        with torch.inference_mode():
            parts = [as_tensor([image for image, _, _ in pairs[k : k + 8]]) for k in range(0, len(pairs), 8)]
            latents = torch.cat([model.autoencoder.encode(part).latents for part in parts])
        hints = np.stack([hint for _, hint, _ in pairs]).transpose(0, 3, 1, 2)
        plan.data.mkdir(parents=True, exist_ok=True)
        unfinished = file.with_suffix(".unfinished.npz")
        texts = json.dumps([text for _, _, text in pairs])
        np.savez(unfinished, latents=latents.half().numpy(), hints=hints, captions=np.array(texts))
        unfinished.replace(file)
    with np.load(file) as kept:
        captions = tuple(json.loads(str(kept["captions"])))
        return Examples(torch.from_numpy(kept["latents"]), torch.from_numpy(kept["hints"]), captions)


def painted(plan: ControlPlan, index: int) -> tuple[Image, Image, str]:
    """A picture, its hint and its caption."""
    draw = np.random.default_rng(derive(plan.seed, "control", index))
    asked = brief(derive(plan.seed, "scene", index), SUBJECTS[index % len(SUBJECTS)], plan.layouts)
    size = NATIVE
    shot = Shot(draw.uniform(-0.1, 0.1), draw.uniform(-0.03, 0.03), draw.uniform(0, 0.15), draw.uniform(0, 4))
    seen = view(scene(asked), size, shot)
    text = caption(asked, draw)
    if plan.kind == "canny":
        return seen.image, np.repeat(cv2.Canny(seen.image, 100, 200)[..., None], 3, axis=2), text
    if plan.kind == "depth":
        nearness = 1 / seen.depth
        share = (nearness - nearness.min()) / max(float(np.ptp(nearness)), 1e-9)
        return seen.image, np.repeat(to_image(share)[..., None], 3, axis=2), text
    moved = draw.normal(0, 0.01, 3)
    before = Shot(shot.x + moved[0], shot.y + moved[1] / 2, max(shot.z + moved[2], 0.0), shot.seconds - 1 / 12)
    return seen.image, view(scene(asked), size, before).image, text
