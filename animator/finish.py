"""What becomes of the frames: exports, depth pictures, a contact sheet; all fed from one pass over the frames."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from animator.project import Project
from animator.steps import Frame
from media import exporters
from media.sheet import ContactSheet
from media.stills import write_png16
from motion.depth import DepthEstimator, saved


class Sink(Protocol):
    """Takes every frame once, in order."""

    def __call__(self, frame: Frame, /) -> None:
        """One frame."""
        ...


@dataclass(frozen=True, slots=True)
class Output:
    """A file or folder that a render made."""

    kind: str  # "mp4", "contact sheet", ...
    path: Path


@contextmanager
def depth_pictures(folder: Path, estimator: DepthEstimator) -> Iterator[Sink]:
    """Writes the depth of every frame as `folder/000000.png`, 16 bit, on one fixed scale."""
    folder.mkdir(parents=True, exist_ok=True)

    def sink(frame: Frame) -> None:
        depth = estimator.estimate(frame.image, frame.index)
        write_png16(folder / f"{frame.index:06d}.png", saved(depth))

    yield sink
