"""What becomes of the frames: exports, depth pictures, a contact sheet; all fed from one pass over the frames."""

import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np

from animator.enlarging import Larger
from animator.hearing import Audio
from animator.pace import Pace
from animator.project import Project
from animator.report import reported
from animator.steps import Frame
from animator.watching import Clip
from core.errors import MediaError
from core.image import Image, Size
from media import formats
from media.behind import behind
from media.captions import Caption
from media.formats import Delivery
from media.read import SUFFIXES
from media.sheet import contact_sheet
from media.sound import Soundtrack, sound_info
from media.stills import write_png16
from motion.depth import DepthEstimator, saved
from schedules.prompts import Prompts

_TAG = re.compile(r"<[^<>]*>")
Sink = Callable[[Frame], None]  # takes each frame once, in order


@dataclass(frozen=True, slots=True)
class Output:
    """A file or folder that a render makes."""

    kind: str  # "mp4", "contact sheet", ...
    path: Path


def deliveries(project: Project, out: Path) -> list[Delivery]:
    """The files that a project asks for; the second of one ending gets a number.

    Raises:
        UnknownName: for an unknown format or option.
        UserError: for an option of the wrong kind.
    """
    taken: Counter[str] = Counter()
    made = []
    for export in project.export:
        exporter = formats.build(export.named, export.options)
        taken[exporter.suffix] += 1
        number = f".{taken[exporter.suffix]}" if taken[exporter.suffix] > 1 else ""
        made.append(Delivery(out / f"{project.name}{number}{exporter.suffix}", exporter, export.fit))
    return made


def soundtrack(project: Project, folder: Path, first: int) -> Soundtrack | None:
    """The sound of a project from a frame on; None if it has none, or slow motion leaves it out.

    Args:
        folder: where the project file lies.
        first: index of the first frame that is exported.
    """
    audio = project.audio or _own_sound(project, folder)
    if audio is None or audio.volume == 0:
        return None
    rules = project.interpolate
    tempo = 1 / rules.slow if rules else Fraction(1)
    if tempo != 1 and not (rules and rules.stretch_sound):
        return None
    path = (folder / Path(audio.file).expanduser()).resolve()
    start = Fraction(audio.start).limit_denominator(10**6) + first / project.fps
    return Soundtrack(path, start, audio.volume, audio.loop, float(tempo))


def _own_sound(project: Project, folder: Path) -> Audio | None:
    """The sound of the clip that a project draws over; None if it has none."""
    if project.source is None:
        return None
    path = (folder / Path(project.source.clip).expanduser()).resolve()
    if not path.is_file() or path.suffix.lower() in SUFFIXES or sound_info(path) is None:
        return None
    return Audio(str(path), float(project.source.start / project.fps))


@dataclass(frozen=True, slots=True)
class Batch:
    """Files that are made of the same pictures."""

    files: tuple[Delivery, ...]
    size: Size  # of the pictures
    pace: Pace  # which frames they are made of
    sound: Soundtrack | None = None
    captions: Sequence[Caption] = ()
    is_larger: bool = False  # whether frames are made larger for them

    def check(self) -> None:
        """Raises MediaError before any work if such pictures cannot be written."""
        for file in self.files:
            file.check(self.size, self.pace.rate)


@contextmanager
def exported(batch: Batch, text: Mapping[str, str]) -> Iterator[Sink]:
    """Writes all files in one pass over the frames they show, and the sound where it can be held.

    Args:
        batch: what to write; files get their names when the block ends well.
        text: kept in the files that hold texts.
    """
    with formats.delivering(batch.files, batch.size, batch.pace.rate, text, batch.sound, batch.captions) as write:
        yield lambda frame: write(frame.image)


@contextmanager
def at_pace(pace: Pace, sinks: Sequence[AbstractContextManager[Sink]]) -> Iterator[Sink]:
    """Hands on what is shown of the frames, with those in between, numbered anew; each is made once for all."""
    with _together(sinks) as show:
        if pace.between is None:
            yield show
            return

        def retime(images: Iterator[Image]) -> None:
            for n, image in enumerate(pace.frames(images)):
                show(Frame(n, image))

        with behind(retime) as hand_over:
            yield lambda frame: hand_over(frame.image)


@contextmanager
def at_large(larger: Larger, sinks: Sequence[AbstractContextManager[Sink]]) -> Iterator[Sink]:
    """Hands frames on made larger, each once for all."""
    with _together(sinks) as show:
        yield lambda frame: show(Frame(frame.index, larger.at(frame.index, frame.image)))


@contextmanager
def _together(sinks: Sequence[AbstractContextManager[Sink]]) -> Iterator[Sink]:
    """Several sinks as one."""
    with ExitStack() as stack:
        entered = [stack.enter_context(sink) for sink in sinks]

        def show(frame: Frame) -> None:
            for sink in entered:
                sink(frame)

        yield show


@contextmanager
def sheet(path: Path, project: Project, prompts: Prompts, span: range, pace: Pace) -> Iterator[Sink]:
    """Writes a contact sheet of the frames that are shown, with the strongest prompt of each below it.

    Args:
        span: rendered frames.
        pace: which are shown of them; whole numbers of `span` where that is all.
    """

    def caption(index: int) -> str:
        place = index if pace.between is None else span.start + int(index * pace.step)
        return in_words(max(prompts.at(min(place, prompts.frames - 1)).prompt, key=lambda entry: entry[1])[0])

    shown = span if pace.between is None else range(pace.count(len(span)))
    with contact_sheet(path, project.name, pace.rate, caption, shown) as show:
        yield lambda frame: show(frame.index, frame.image)


def in_words(prompt: str) -> str:
    """A prompt without the tags that name networks, as people read it; the whole where there is nothing else."""
    return _TAG.sub("", prompt).strip(" ,") or prompt


@contextmanager
def report(path: Path, fps: Fraction, clip: Clip | None = None) -> Iterator[Sink]:
    """Writes the figures of all frames as JSON; with a clip they are taken by its motion, and edges by its edges."""
    with reported(path, fps) as see:
        yield lambda frame: see(frame.image, clip.at(frame.index) if clip else None)


def comparison(project: Project, out: Path) -> Delivery:
    """The file with clip and result side by side: MP4, or lossless where that cannot hold the height."""
    exporter = formats.build("mkv" if project.size.height % 2 else "mp4")
    return Delivery(out / f"{project.name}.compare{exporter.suffix}", exporter)


@contextmanager
def beside(clip: Clip, sink: AbstractContextManager[Sink]) -> Iterator[Sink]:
    """Hands frames on with the clip's picture at their left."""
    with sink as shown:
        yield lambda frame: shown(Frame(frame.index, np.hstack([clip.at(frame.index), frame.image])))


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
