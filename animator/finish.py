"""What becomes of the frames: exports, depth pictures, a contact sheet; all fed from one pass over the frames."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from animator.project import Export, Project
from animator.report import reported
from animator.steps import Frame
from core.errors import MediaError
from media import formats
from media.exporters import Exporter
from media.sheet import contact_sheet
from media.sound import Soundtrack
from media.stills import write_png16
from motion.depth import DepthEstimator, saved
from schedules.prompts import Prompts

Sink = Callable[[Frame], None]  # takes each frame once, in order


@dataclass(frozen=True, slots=True)
class Output:
    """A file or folder that a render makes."""

    kind: str  # "mp4", "contact sheet", ...
    path: Path


def build_exporter(export: Export, project: Project) -> Exporter:
    """The writer of one export.

    Raises:
        MediaError: if the format cannot hold frames of this size or rate.
        UnknownName: for an unknown format or option.
    """
    exporter = formats.build(export.format, export.options)
    exporter.check(project.size, project.fps)
    return exporter


def soundtrack(project: Project, folder: Path, first: int) -> Soundtrack | None:
    """The sound of a project from a frame on; None if it has none.

    Args:
        folder: where the project file lies.
        first: index of the first frame that is exported.
    """
    audio = project.audio
    if audio is None or audio.volume == 0:
        return None
    path = (folder / Path(audio.file).expanduser()).resolve()
    start = Fraction(audio.start).limit_denominator(10**6) + first / project.fps
    return Soundtrack(path, start, audio.volume, audio.loop)


@contextmanager
def exported(
    exporter: Exporter, path: Path, project: Project, text: Mapping[str, str], sound: Soundtrack | None = None
) -> Iterator[Sink]:
    """Writes every frame, and the sound where it can be held, into one file, named when the block ends well."""
    track = sound if exporter.keeps_sound else None
    with exporter.open(path, project.size, project.fps, text, track) as write:
        yield lambda frame: write(frame.image)


@contextmanager
def sheet(path: Path, project: Project, prompts: Prompts, span: range | None) -> Iterator[Sink]:
    """Writes a contact sheet, with the strongest prompt of each frame below it."""

    def caption(index: int) -> str:
        return max(prompts.at(min(index, prompts.frames - 1)).prompt, key=lambda entry: entry[1])[0]

    with contact_sheet(path, project.name, project.fps, caption, span or range(project.frames)) as show:
        yield lambda frame: show(frame.index, frame.image)


@contextmanager
def report(path: Path, project: Project) -> Iterator[Sink]:
    """Writes the figures of all frames as JSON."""
    with reported(path, project.fps) as meter:
        yield lambda frame: meter.see(frame.image)


@contextmanager
def depth_pictures(folder: Path, estimator: DepthEstimator) -> Iterator[Sink]:
    """Writes the depth of every frame as `folder/000000.png`, 16 bit, on one fixed scale.

    Raises:
        MediaError: if the folder cannot be made.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as fault:
        raise MediaError(f"the folder cannot be made ({fault.strerror})", where=str(folder)) from fault

    def sink(frame: Frame) -> None:
        depth = estimator.estimate(frame.image, frame.index)
        write_png16(folder / f"{frame.index:06d}.png", saved(depth))

    yield sink
