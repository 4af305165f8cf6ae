"""Whether a file holds what was put into it."""

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from core.errors import MediaError
from core.image import Image, Rgba, Size, opaque
from media.pixels import means
from media.video import AnimationReader, PictureReader, TimedImage, VideoReader

GRID = Size(4, 4)  # a frame is remembered as so many mean colours
COLOR_SLACK, ALPHA_SLACK = 40.0, 12.0  # levels by which means may differ; a codec is coarse, a mistake is coarser
HUNDREDTH = Fraction(1, 100)  # seconds; what the coarsest format counts time in


class Witness:
    """Remembers frames on their way into a file by a few numbers each, to compare what comes out with them."""

    def __init__(self, has_alpha: bool) -> None:
        """Args: has_alpha: whether opacity must come back."""
        self._has_alpha = has_alpha
        self._seen: list[NDArray[np.uint8]] = []

    def seeing(self, images: Iterator[Image | Rgba]) -> Iterator[Image | Rgba]:
        """The images, remembered as they go by."""
        for image in images:
            self._seen.append(_means(image if self._has_alpha else opaque(image)))
            yield image

    def compare(self, path: Path, name: Path, size: Size, fps: Fraction) -> None:
        """Decodes a file and compares count, size, rate, duration, colours and opacity with what was seen.

        Args:
            path: of the file, or of a folder of pictures.
            name: what messages call it.
            size: of its frames.
            fps: frames per second.

        Raises:
            MediaError: if it cannot be decoded or anything differs.
        """
        if name.suffix == ".webp":
            self._compare_animation(path, name, size, fps)
            return
        with PictureReader(path, fps) if path.is_dir() else VideoReader(path) as video:
            came = 0
            for came, (_, image) in enumerate(self._glimpses(video), start=1):
                if self._has_alpha and image.shape[2] == 3:
                    raise _differs(name, "no opacity")
                if came <= len(self._seen):
                    self._compare_picture(image if self._has_alpha else opaque(image), came - 1, name)
            info = video.info
        if (came, info.size) != (len(self._seen), size):
            raise _differs(name, f"{came} frames of {info.size} where {len(self._seen)} of {size} were written")
        self._compare_length(info.seconds, fps, name)

    def _glimpses(self, video: VideoReader | PictureReader) -> Iterator[TimedImage]:
        """What is compared of a file, or of a folder of pictures."""
        if isinstance(video, VideoReader):
            return video.glimpses()
        return video.rgba() if self._has_alpha else iter(video)

    def _compare_animation(self, path: Path, name: Path, size: Size, fps: Fraction) -> None:
        """WebP keeps equal neighbours as one frame that lasts longer, so frames are told by their times."""
        with AnimationReader(path) as video:
            for seconds, image in video.rgba() if self._has_alpha else video:
                self._compare_picture(image, min(round(seconds * fps), len(self._seen) - 1), name)
            info = video.info
        if info.size != size:
            raise _differs(name, f"frames of {info.size} where {size} were written")
        if info.count > 1:  # a single picture lasts for ever
            self._compare_length(info.seconds, fps, name)

    def _compare_length(self, seconds: Fraction, fps: Fraction, name: Path) -> None:
        expected = len(self._seen) / fps
        if abs(seconds - expected) > max(HUNDREDTH, 1 / fps / 2):
            raise _differs(name, f"{float(seconds):.3f} s where {float(expected):.3f} s were written")

    def _compare_picture(self, image: Image | Rgba, n: int, name: Path) -> None:
        expected, found = self._seen[n].astype(float), _means(image).astype(float)
        if self._has_alpha:
            if np.abs(expected[..., 3] - found[..., 3]).max() > ALPHA_SLACK:
                raise _differs(name, f"frame {n} with other opacity")
            weight = expected[..., 3:] / 255
            expected, found = expected[..., :3] * weight, found[..., :3] * weight
        if np.abs(expected[..., :3] - found[..., :3]).mean() > COLOR_SLACK:
            raise _differs(name, f"frame {n} with other colours")


def _means(image: Image | Rgba) -> NDArray[np.uint8]:
    return np.asarray(means(image, GRID), np.uint8)


def _differs(name: Path, what: str) -> MediaError:
    return MediaError(
        f"the written file came back wrong: {what}", where=str(name), way_out="Try another format; please report this"
    )
