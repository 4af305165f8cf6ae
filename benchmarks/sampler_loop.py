"""Our sampler loop beside diffusers' image-to-image pipeline: `python -m benchmarks.sampler_loop [--large] [RUNS]`.

Both draw the same pictures with the same networks: DDIM on the same timesteps, the same guidance, batch, first
noise and start picture. Runs of both alternate, so that whatever else the machine does hits both; the median of the
ratios of such pairs counts. "wall" compares wall times, which is what is promised, "work" processor times, by which a
machine is judged that is busy otherwise. `--large` adds random weights of Stable Diffusion 1.5's sizes: 5 GB of memory,
minutes on a processor. `--only-large` leaves the rest out.
"""

import math
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from diffusers import AutoencoderTiny, DDIMScheduler, StableDiffusionImg2ImgPipeline, UNet2DConditionModel
from numpy.typing import NDArray
from transformers import CLIPTextConfig, CLIPTextModel

from core.devices import ModelPool
from core.image import Image, Size, to_image
from diffusion.models.load import load_model
from diffusion.models.loaded import LoadedModel, TextPart
from diffusion.models.scaled import ScaledAutoencoder
from diffusion.models.tokenizer import clip_tokenizer
from diffusion.pictures import Studio
from diffusion.request import DrawingRules, ImageRequest, Sampling

PROMPT, NEGATIVE = "sunset over the ocean, orange sky", "fog"
CFG, STRENGTH = 7.0, 0.5
BETAS = {"beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear"}
MOST_RATIO, LEAST_PSNR = 1.0, 50.0  # what is promised
LEAST_SHARE = 0.7  # of the threads' time that is ours on a machine that does nothing else


@dataclass(frozen=True, slots=True)
class Case:
    """One comparison."""

    name: str
    model: LoadedModel
    size: Size
    steps: int  # of the whole schedule
    batch: int


def ours(case: Case, studio: Studio, init: Image) -> Callable[[], Sequence[NDArray[np.float32]]]:
    """Our way: exactly the steps that diffusers runs at this strength."""
    sampling = Sampling(steps=case.steps * STRENGTH, cfg=CFG, denoise=STRENGTH)
    rules = DrawingRules(img2img_steps="exact")
    requests = [
        ImageRequest(((PROMPT, 1.0),), NEGATIVE, case.size, seed, "DDIM", sampling, init, rules=rules)
        for seed in range(case.batch)
    ]
    return lambda: [picture.clip(0, 1) for picture in studio.pictures(requests)]


def theirs(case: Case, init: Image) -> Callable[[], Sequence[NDArray[np.float32]]]:
    """The stock pipeline, made of the same networks."""
    model = case.model
    pipeline = StableDiffusionImg2ImgPipeline(
        vae=model.autoencoder.network,
        text_encoder=model.text[0].encoder,
        tokenizer=model.text[0].tokenizer,
        unet=model.unet,
        scheduler=DDIMScheduler(
            **BETAS,
            prediction_type=model.prediction,
            clip_sample=False,
            set_alpha_to_one=False,
            steps_offset=1,
        ),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )
    pipeline.set_progress_bar_config(disable=True)
    picture = init[None].astype(np.float32) / 255

    def draw() -> Any:
        return pipeline(
            [PROMPT] * case.batch,
            image=np.repeat(picture, case.batch, 0),
            negative_prompt=[NEGATIVE] * case.batch,
            strength=STRENGTH,
            num_inference_steps=case.steps,
            guidance_scale=CFG,
            generator=[torch.Generator().manual_seed(seed) for seed in range(case.batch)],
            output_type="np",
        ).images

    return draw


def start_picture(size: Size) -> Image:
    """Smooth colours."""
    y, x = np.mgrid[0 : size.height, 0 : size.width] / size.height
    return to_image(np.stack([0.9 - 0.6 * y, 0.3 + 0.3 * x, 0.4 + 0.2 * np.sin(6 * x + y)], -1).astype(np.float32))


def large_model() -> LoadedModel:
    """Random weights of the sizes of Stable Diffusion 1.5, with the tiny autoencoder, which draws no noise."""
    torch.manual_seed(0)
    config = CLIPTextConfig(
        hidden_size=768,
        intermediate_size=3072,
        num_hidden_layers=12,
        num_attention_heads=12,
        vocab_size=49408,
        bos_token_id=49406,
        eos_token_id=49407,
    )
    unet = UNet2DConditionModel(sample_size=64, cross_attention_dim=768).eval()
    shares = torch.cumprod(1 - torch.linspace(0.00085**0.5, 0.012**0.5, 1000, dtype=torch.float64) ** 2, 0)
    return LoadedModel(
        name="random",
        family="sd1",
        identity="",
        unet=unet,
        autoencoder=ScaledAutoencoder.of(AutoencoderTiny().eval()),
        text=(TextPart(clip_tokenizer(pads_with_zero=False), CLIPTextModel(config).eval(), penultimate=False),),
        alphas_cumprod=shares,
        prediction="epsilon",
        native=(512, 512),
        device=torch.device("cpu"),
        dtype=torch.float32,
    )


def compared(case: Case, runs: int) -> None:
    """Prints wall time of both, their ratio, and how equal the pictures are."""
    init = start_picture(case.size)
    mine, stock = ours(case, Studio(case.model), init), theirs(case, init)
    first, second = mine(), stock()  # warm, and for the comparison
    error = np.mean((np.stack(list(first)) - np.stack(list(second))) ** 2)
    psnr = 10 * math.log10(1 / error) if error else math.inf
    wall, work = np.zeros((runs, 2)), np.zeros((runs, 2))  # pairs x (ours, theirs), seconds
    for run in range(runs):
        for way in (0, 1) if run % 2 else (1, 0):
            begun, worked = time.perf_counter(), time.process_time()
            (mine, stock)[way]()
            wall[run, way] = time.perf_counter() - begun
            work[run, way] = time.process_time() - worked
    by_wall, by_work = (float(np.median(times[:, 0] / times[:, 1])) for times in (wall, work))
    is_busy = work.sum() < LEAST_SHARE * wall.sum() * torch.get_num_threads()
    kept = "kept" if (by_work if is_busy else by_wall) <= MOST_RATIO and psnr >= LEAST_PSNR else "MISSED"
    least = wall.min(0)
    times = f"{least[0]:8.3f} s {least[1]:8.3f} s {by_wall:6.3f}x {by_work:7.3f}x"
    print(f"{case.name:28} {times} {psnr:8.1f} dB  {kept}{' by work: the machine is busy' if is_busy else ''}")


def main() -> None:
    """Prints a line a case."""
    arguments = sys.argv[1:]
    runs = next((int(word) for word in arguments if word.isdecimal()), 5)
    mini = load_model("mini", ModelPool())
    cases = [Case(f"mini 256x256, batch {n}", mini, Size(256, 256), 20, n) for n in (1, 4)]
    cases.insert(0, Case("mini 64x64, batch 1", mini, Size(64, 64), 20, 1))
    print(f"{'':28} {'ours':>10} {'diffusers':>10} {'wall':>7} {'work':>8} {'equal':>11}")
    for case in () if "--only-large" in arguments else cases:
        compared(case, runs)
    if {"--large", "--only-large"} & {*arguments}:
        compared(Case("SD 1.5 sizes 64x64, batch 1", large_model(), Size(64, 64), 8, 1), runs)


if __name__ == "__main__":
    main()
