"""Commands that train the embedded model and what belongs to it: python -m training.mini --help."""

from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import torch
import typer

from training.command import Batch, Count, Device, Minutes, Processes, Run, run
from training.mini import clips, control_examples, controlnet, data, depth, few_steps, motion, unet, vae
from training.mini.crew import one_thread
from training.mini.loop import MakeTask, Plan, train
from training.painter.briefs import FAMILIAR

app = typer.Typer(
    add_completion=False,
    help="Trains the embedded model. Runs are kept outside the repository and go on where they stopped.",
)
Model = Annotated[Path, typer.Option(help="model folder to start from")]
Sheets = Annotated[bool, typer.Option(help="of sample pictures, after each tenth of the budget")]
Layouts = Annotated[int, typer.Option(min=1, help="compositions of each subject; fewer are learned sooner")]
MINI = Path("models/mini")


@app.callback()
def setup() -> None:
    """One thread a process, and the matrix units of a GPU."""
    one_thread()
    torch.set_float32_matmul_precision("high")


@app.command("data")
def make_data(
    folder: Path,
    model: Model = MINI,
    first: int = 0,
    count: Count = 12,
    layouts: Layouts = FAMILIAR,
    processes: Processes = 1,
) -> None:
    """Paints scenes and caches their latents in FOLDER."""
    for file in data.shards(data.DataPlan(model, folder, first, count, layouts), processes=processes):
        print(file)


@app.command("control-data")
def make_control_data(
    kind: control_examples.Kind, folder: Path, model: Model = MINI, pictures: Count = 916, processes: Processes = 1
) -> None:
    """Paints scenes with their hints into FOLDER; as many as training asks for are its pictures and 16."""
    for file in control_examples.shards(control_examples.ExamplePlan(kind, model, folder, pictures), processes):
        print(file)


@app.command("motion-data")
def make_motion_data(
    folder: Path, model: Model = MINI, count: Count = 486, layouts: Layouts = FAMILIAR, processes: Processes = 1
) -> None:
    """Paints moving scenes into FOLDER."""
    for file in clips.shards(clips.ClipPlan(model, folder, count, layouts=layouts), processes):
        print(file)


@app.command("vae")
def train_vae(
    run: Run,
    minutes: Minutes,
    model: Model = MINI,
    decoder_only: bool = True,
    from_pca: bool = False,
    pictures: Count = 900,
    batch: Batch = 8,
    device: Device = "cpu",
    processes: Processes = 1,
) -> None:
    """Trains the autoencoder; only its decoder unless told otherwise, so that the UNet stays right."""
    plan = vae.VaePlan(
        model,
        run,
        minutes,
        pictures,
        batch,
        decoder_only=decoder_only,
        from_pca=from_pca,
        device=device,
        processes=processes,
    )
    print(vae.train(plan))


def _on_latents(task: MakeTask, peak: float) -> Callable[..., None]:
    """The command of a trainer that learns from the latents in a folder."""

    def command(
        folder: Path,
        run: Run,
        minutes: Minutes,
        model: Model = MINI,
        processes: Processes = 2,
        batch: Batch = 8,
        peak: float = peak,
        sheets: Sheets = True,
        device: Device = "cpu",
    ) -> None:
        train(task, Plan(model, folder, run, minutes, processes, batch, peak, sheets=sheets, device=device))

    return command


app.command("unet", help="Trains UNet and text encoder on the latents in FOLDER, and those painted there meanwhile.")(
    _on_latents(unet.VelocityTask, 6e-4)
)
app.command("few-steps", help="Distils a model's UNet into one that needs no guidance, on the latents in FOLDER.")(
    _on_latents(few_steps.GuidanceTask, 2e-4)
)


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
    kind: control_examples.Kind,
    folder: Path,
    run: Run,
    minutes: Minutes,
    model: Model = MINI,
    pictures: Count = 900,
    batch: Batch = 8,
    device: Device = "cpu",
    begin: Annotated[Path | None, typer.Option(help="folder of a network to go on from")] = None,
) -> None:
    """Trains a ControlNet of the model on scenes painted into FOLDER; the result lies in RUN/KIND."""
    plan = controlnet.ControlPlan(kind, model, folder, run, minutes, pictures, batch, device=device, begin=begin)
    print(controlnet.train(plan))


@app.command("motion")
def train_motion(
    folder: Path,
    run: Run,
    minutes: Minutes,
    model: Model = MINI,
    count: Count = 486,
    layouts: Layouts = FAMILIAR,
    batch: Batch = 1,
    peak: float = 6e-4,
    sheets: Sheets = True,
    device: Device = "cpu",
) -> None:
    """Trains a motion module of the model on moving scenes painted into FOLDER; the result lies in RUN/motion."""
    plan = motion.MotionPlan(
        model, folder, run, minutes, count, batch, peak, device=device, layouts=layouts, sheets=sheets
    )
    print(motion.train(plan))


if __name__ == "__main__":
    run(app)
