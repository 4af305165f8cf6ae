"""Clips side by side: our window loop against diffusers' AnimateDiffPipeline with FreeNoise, and memory by length.

python -m benchmarks.clips --module FOLDER [--frames 32] [--steps 3]
"""

import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Annotated, Any

import torch
import typer

from core.devices import ModelPool
from core.image import Size
from diffusion.clips.journal import Journal
from diffusion.clips.module import load_motion
from diffusion.clips.order import ClipFrame, ClipOrder
from diffusion.clips.studio import ClipStudio
from diffusion.clips.windows import WindowRules, calls
from diffusion.models.load import load_model
from diffusion.request import ImageRequest, Sampling

MODEL = Path("models/mini")
SIZE = Size(256, 256)
MEMORY = 1.3  # times the memory of 32 frames that 256 may take
PROMPT = "ocean at sunset"


def order(frames: int, steps: int) -> ClipOrder:
    """An open clip under guidance, as both sides draw it."""
    sampling = Sampling(steps=float(steps), cfg=4.0)
    requests = [ImageRequest(((PROMPT, 1.0),), "", SIZE, 1 + n, "DPM++ 2M", sampling) for n in range(frames)]
    made = [ClipFrame(request, (("", 1.0),)) for request in requests]
    return ClipOrder(made, SIZE, 1, False, WindowRules(16, 4))


def ours(module: Path, frames: int, steps: int) -> tuple[float, float]:
    """Seconds of the sampling, and calls of the UNet with 16 frames and guidance."""
    pool = ModelPool()
    studio = ClipStudio(load_model(str(MODEL), pool), load_motion(module, pool))
    with tempfile.TemporaryDirectory() as folder:
        asked = order(frames, steps)
        start = time.process_time()
        studio.latents(asked, Journal(Path(folder) / "clip", "key"))
        return time.process_time() - start, calls(frames, asked.windows, steps, closed=False) * steps


def theirs(module: Path, frames: int, steps: int) -> tuple[float, float]:
    """The same by diffusers; a step of FreeNoise is one call of all frames, counted in windows of 16."""
    from diffusers import AnimateDiffPipeline, DPMSolverMultistepScheduler, MotionAdapter, UNet2DConditionModel
    from transformers import CLIPTextModel, CLIPTokenizer

    from training.mini.model import load_autoencoder

    parts: dict[str, Any] = {
        "tokenizer": CLIPTokenizer.from_pretrained(MODEL / "tokenizer", model_max_length=48),
        "text_encoder": CLIPTextModel.from_pretrained(MODEL / "text_encoder", dtype=torch.float32),
        "unet": UNet2DConditionModel.from_pretrained(MODEL / "unet", torch_dtype=torch.float32),
        "vae": load_autoencoder(MODEL),
        "motion_adapter": MotionAdapter.from_pretrained(module, torch_dtype=torch.float32),
        "scheduler": DPMSolverMultistepScheduler.from_pretrained(MODEL / "scheduler"),
    }
    pipe = AnimateDiffPipeline(**parts)
    pipe.set_progress_bar_config(disable=True)
    pipe.enable_free_noise(context_length=16, context_stride=12)
    side = SIZE.width // 16
    latents = torch.randn(1, 16, frames, side, side, generator=torch.Generator().manual_seed(1))
    start = time.process_time()
    with torch.inference_mode():
        pipe(
            PROMPT,
            num_frames=frames,
            width=SIZE.width,
            height=SIZE.height,
            num_inference_steps=steps,
            guidance_scale=4.0,
            latents=latents,
            output_type="latent",
        )
    return time.process_time() - start, frames / 16 * steps


def peak(module: Path, frames: int) -> int:
    """The peak memory in MB of a process of its own that samples a clip in one step."""
    command = [sys.executable, "-m", "benchmarks.clips", "--module", str(module), "--only", str(frames), "--steps", "1"]
    found = subprocess.run(command, capture_output=True, text=True, check=True)
    return int(found.stdout.split()[-1])


def own_peak() -> int:
    """The peak memory of this process in MB; the kernel's account of a child begins with its parent's."""
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) // 1024 for line in lines if line.startswith("VmHWM:"))


def main(
    module: Annotated[Path, typer.Option(help="Motion module, a diffusers folder.")],
    frames: int = 40,
    steps: int = 2,
    only: int = 0,
    memory: bool = True,
) -> None:
    """Prints the table."""
    torch.set_num_threads(1)
    if only:
        ours(module, only, steps)
        print(own_peak())
        return
    rows = {"ours": ours(module, frames, steps), "diffusers, FreeNoise": theirs(module, frames, steps)}
    print(f"{frames} frames of {SIZE}, {steps} steps, one thread; a call is 16 frames with guidance")
    for name, (seconds, count) in rows.items():
        print(f"{name:22} {seconds:7.2f} s  {count:6.2f} calls  {16 * count / seconds:6.2f} frames a second of calls")
    if memory:
        short, long = peak(module, 32), peak(module, 256)
        print(f"peak memory: 32 frames {short} MB, 256 frames {long} MB, {long / short:.2f} times (budget {MEMORY})")


if __name__ == "__main__":
    typer.run(main)
