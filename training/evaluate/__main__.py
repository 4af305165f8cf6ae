"""Commands: python -m training.evaluate {pictures,depth} --help."""

from pathlib import Path
from typing import Annotated

import cv2
import torch
import typer

from core.devices import ModelPool
from motion.depth import mini
from training.evaluate import depth, pictures
from training.evaluate.classifier import style_classifier, subject_classifier
from training.mini.model import MiniModel
from training.mini.samples import sheet, write_sheet

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
    found = pictures.findings(MiniModel.load(model), subject_classifier(), style_classifier())
    for number, finding in enumerate(found):
        print(finding, flush=True)
        if sheets and finding.pictures:
            sheets.mkdir(parents=True, exist_ok=True)
            rows = [finding.pictures[k : k + 4] for k in range(0, len(finding.pictures), 4)]
            titles = [" | ".join(finding.titles[k : k + 4]) for k in range(0, len(finding.pictures), 4)]
            write_sheet(sheets / f"{number}.png", sheet(rows, titles))


@app.command("depth")
def judge_depth(model: str = "mini/depth") -> None:
    """Order, steadiness and time of a depth model."""
    for finding in depth.findings(mini.build(mini.Options(model), ModelPool())):
        print(finding, flush=True)


if __name__ == "__main__":
    app()
