"""Commands: python -m training.evaluate {pictures,few-steps,depth,controls} --help."""

from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

import cv2
import torch
import typer

from core.devices import ModelPool
from diffusion.models.lora import load_lora
from diffusion.models.lora_names import unet_targets
from diffusion.models.overlay import Dose, overlaid
from motion.depth import mini as mini_depth
from training.command import run
from training.evaluate import controls, depth, pictures
from training.evaluate.classifier import style_classifier, subject_classifier
from training.mini.model import MiniModel
from training.mini.samples import QUICK, Manner, sheet, write_sheet

app = typer.Typer(add_completion=False, help="Prints the gates of the embedded models.")


@app.callback()
def one_thread() -> None:
    """Computes in one thread, so that timings mean one core."""
    torch.set_num_threads(1)
    cv2.setNumThreads(1)


@app.command("pictures")
def judge_pictures(
    model: Path = Path("models/mini"),
    sheets: Annotated[Path | None, typer.Option(help="folder for sample sheets")] = None,
) -> None:
    """Subject, palette, night, style, img2img, feedback and autoencoder of a picture model."""
    _print(pictures.findings(MiniModel.load(model), subject_classifier(), style_classifier()), sheets)


@app.command("few-steps")
def judge_few_steps(
    lora: Path = Path("models/Lora/mini-few-steps.safetensors"),
    model: Path = Path("models/mini"),
    sheets: Annotated[Path | None, typer.Option(help="folder for sample sheets")] = None,
    steps: int = QUICK.steps,
) -> None:
    """Subject, palette, night and style of a picture model with the LoRA for few steps, drawn without guidance."""
    mini = MiniModel.load(model)
    doses = [Dose(change, 1.0, None) for change in load_lora(lora, dict(unet_targets(mini.unet)))]
    with overlaid(doses).applied():
        manner = Manner(steps, QUICK.guidance)
        _print(pictures.from_noise(mini, subject_classifier(), style_classifier(), manner), sheets)


@app.command("depth")
def judge_depth(model: str = "mini/depth", drawer: Path = Path("models/mini")) -> None:
    """Order, steadiness and time of a depth model; DRAWER draws what a feedback render shows it."""
    judged = mini_depth.build(mini_depth.Options(model), ModelPool())
    _print(depth.findings(judged))
    _print([depth.in_feedback(judged, MiniModel.load(drawer))])


def _print(found: Iterable[pictures.Finding], sheets: Path | None = None) -> None:
    """Each figure as it is found, and its pictures as a sheet."""
    for number, finding in enumerate(found):
        print(finding, flush=True)
        if sheets and finding.pictures:
            sheets.mkdir(parents=True, exist_ok=True)
            rows = [finding.pictures[k : k + 4] for k in range(0, len(finding.pictures), 4)]
            titles = [" | ".join(finding.titles[k : k + 4]) for k in range(0, len(finding.pictures), 4)]
            write_sheet(sheets / f"{number}.png", sheet(rows, titles))


@app.command("controls")
def judge_controls(
    model: str = "models/mini",
    canny: Path = Path("models/mini/controlnet-canny"),
    relief: Annotated[Path, typer.Option("--depth")] = Path("models/mini/controlnet-depth"),
    temporal: Path = Path("models/mini/controlnet-temporal"),
    sheets: Annotated[Path | None, typer.Option(help="folder for sample sheets")] = None,
) -> None:
    """How well the ControlNets of a model are followed; those that are not there are left out."""
    artist = controls.Draughtsman.of(model)
    estimator = mini_depth.build(mini_depth.Options(), ModelPool())
    kinds = (
        (canny, lambda: controls.canny_findings(artist, canny)),
        (relief, lambda: controls.depth_findings(artist, relief, estimator)),
        (temporal, lambda: controls.temporal_findings(artist, temporal)),
    )
    for network, findings in kinds:
        if not network.is_dir():
            print(f"{network}: not there", flush=True)
            continue
        _print(findings(), sheets and sheets / network.name)


if __name__ == "__main__":
    run(app)
