"""Depth you rendered elsewhere: PNG, EXR or NPY pictures, or a video, one for each frame."""

from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Literal, get_args

import numpy as np

from core.devices import ModelPool
from core.errors import MediaError, UnknownName, UserError
from core.hashing import file_fingerprint, fingerprint
from core.image import DepthMap, Image, Size
from motion.depth import FAR, NEAR
from motion.depth._nearness import Nearness, between, depth_of, resized, stretched
from motion.depth._pixels import Numbers
from motion.depth._sequence import SUFFIXES, PicturePass, picture_pass
from motion.depth._video import VideoPass

Values = Literal["inverse", "depth", "disparity"]


@dataclass(frozen=True, slots=True)
class Options:
    """Where the depth pass is, and what its numbers mean.

    PNG and video hold levels, from black to white; EXR and NPY hold numbers. The defaults fit what Driftloop saves.
    """

    path: str = ""  # a folder of pictures, a pattern (depth/*.exr, depth/z_%04d.png), one picture, or a video
    values: Values = "inverse"  # inverse: 1 / distance; depth: distance; disparity: inverse, stretched in each frame
    near: float = NEAR  # above 0; distance of white, with depth of black, with disparity of the nearest point
    far: float = FAR  # above near; distance of black, with depth of white, with disparity of the farthest point
    scale: float = 1.0  # above 0; multiplies distances, to bring the nearest surfaces of an EXR in metres to about 1


@dataclass(frozen=True)  # without slots: the identity is kept once it is known
class FileDepth:
    """Depth read from the files of a depth pass, at the size of the image."""

    options: Options
    source: PicturePass | VideoPass

    @cached_property
    def identity(self) -> str:
        """What the numbers mean, and the content of all files."""
        return fingerprint(
            "file", replace(self.options, path=""), [file_fingerprint(file) for file in self.source.files]
        )

    def estimate(self, image: Image, frame: int) -> DepthMap:
        """float32, H x W of the image, > 0: the depth of frame `frame` of the pass, counted from 0.

        Raises:
            MediaError: if the pass has no such frame, or holds what cannot be a distance.
        """
        nearness = _nearness(self.source.frame(frame), self.options) / np.float32(self.options.scale)
        if not (np.isfinite(nearness).all() and nearness.min() >= 0):
            what = f"frame {frame} holds NaN, or distances of 0 or less, as {self.options.values}"
            raise MediaError(what, where=self.options.path, way_out="Say with `values` what the numbers mean")
        return depth_of(resized(nearness, Size.of(image)))


def build(options: Options, pool: ModelPool) -> FileDepth:
    """The estimator. Pictures are looked for now and read one by one.

    Raises:
        UserError: for options that mean nothing.
        MediaError: if there are no such files, or some between them are missing.
    """
    if options.values not in get_args(Values):
        raise UnknownName("kind of depth values", options.values, get_args(Values), where="values")
    if not options.path:
        raise UserError("no path", where="path", way_out="Name a folder of pictures, a pattern, or a video")
    if not 0 < options.near < options.far < np.inf:
        way_out = "near is above 0, far above near"
        raise UserError(f"near {options.near:g} and far {options.far:g}", where="near, far", way_out=way_out)
    if not 0 < options.scale < np.inf:
        raise UserError(f"a scale of {options.scale:g}", where="scale", way_out="Above 0; 1 keeps distances")
    path = Path(options.path).expanduser()
    return FileDepth(options, VideoPass(path) if _is_video(path) else picture_pass(path))


def _is_video(path: Path) -> bool:
    """Whether a path is a file, and not of a picture."""
    return path.is_file() and path.suffix.lower() not in SUFFIXES


def _nearness(read: Numbers, options: Options) -> Nearness:
    """1 / distance as the options say; NaN, infinite or below 0 where the numbers cannot be distances."""
    with np.errstate(all="ignore"):
        if options.values == "disparity":
            return stretched(read.values, options.near, options.far)
        if options.values == "inverse":
            return between(read.values, options.near, options.far) if read.is_share else read.values
        distance = options.near + read.values * (options.far - options.near) if read.is_share else read.values
        return np.reciprocal(distance)
