"""Commands that train the embedded model and what belongs to it: python -m training.mini --help."""

from pathlib import Path
from typing import Annotated

import cv2
import torch
import typer

from training.mini import control_examples, controlnet, data, depth, few_steps, motion, unet, vae
from training.mini.loop import Plan, train
from training.painter.briefs import FAMILIAR

app = typer.Typer(
    add_completion=False,
    help="Trains the embedded model. Runs are kept outside the repository and go on where they stopped.",
)
Run = Annotated[Path, typer.Option(help="folder of the run: checkpoint, log, sheets")]
Model = Annotated[Path, typer.Option(help="model folder to start from")]
Minutes = Annotated[float, typer.Option(help="whole budget, over all resumptions")]
MINI = Path("models/mini")


@app.callback()
def one_thread() -> None:
    """Every process computes in one thread: measured far faster than several threads beside other work."""
    torch.set_num_threads(1)
    cv2.setNumThreads(1)


@app.command("data")
def make_data(folder: Path, model: Model = MINI, first: int = 0, count: int = 12, layouts: int = FAMILIAR) -> None:
    """Paints scenes and caches their latents in FOLDER."""
    for file in data.cache(data.DataPlan(model, folder, first, count, layouts)):
        print(file)


@app.command("vae")
def train_vae(
    run: Run, minutes: Minutes, model: Model = MINI, decoder_only: bool = True, from_pca: bool = False
) -> None:
    """Trains the autoencoder; only its decoder unless told otherwise, so that the UNet stays right."""
    print(vae.train(vae.VaePlan(model, run, minutes, decoder_only=decoder_only, from_pca=from_pca)))


@app.command("unet")
def train_unet(
    folder: Path, run: Run, minutes: Minutes, model: Model = MINI, processes: int = 2, peak: float = 6e-4
) -> None:
    """Trains UNet and text encoder on the latents in FOLDER."""
    train(unet.VelocityTask, Plan(model, folder, run, minutes, processes, peak=peak))


@app.command("few-steps")
def train_few_steps(
    folder: Path, run: Run, minutes: Minutes, model: Model = MINI, processes: int = 2, peak: float = 2e-4
) -> None:
    """Distils a model's UNet into one that needs no guidance and few steps, on the latents in FOLDER."""
    train(few_steps.GuidanceTask, Plan(model, folder, run, minutes, processes, peak=peak))


@app.command("export")
def write_unet(run: Run, folder: Path, model: Model = MINI) -> None:
    """Writes a run's averaged UNet and text encoder into the model folder FOLDER, as float16."""
    unet.export(run, model, folder)


@app.command("export-few-steps")
def write_few_steps(run: Run, file: Path, model: Model = MINI, rank: int = 32) -> None:
    """Writes what a few-steps run changed as the LoRA FILE."""
    few_steps.export(run, model, file, rank)


@app.command("depth")
def train_depth(run: Run, minutes: Minutes) -> None:
    """Trains the depth model."""
    print(depth.train(depth.DepthPlan(run, minutes)))


@app.command("controlnet")
def train_controlnet(
    kind: control_examples.Kind, folder: Path, run: Run, minutes: Minutes, model: Model = MINI, pictures: int = 900
) -> None:
    """Trains a ControlNet of the model on scenes painted into FOLDER; the result lies in RUN/KIND."""
    print(controlnet.train(controlnet.ControlPlan(kind, model, folder, run, minutes, pictures)))


@app.command("motion")
def train_motion(
    folder: Path, run: Run, minutes: Minutes, model: Model = MINI, clips: int = 486, batch: int = 1, peak: float = 6e-4
) -> None:
    """Trains a motion module of the model on moving scenes painted into FOLDER; the result lies in RUN/motion."""
    print(motion.train(motion.MotionPlan(model, folder, run, minutes, clips, batch, peak)))


if __name__ == "__main__":
    app()
