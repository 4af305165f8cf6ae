"""The numeric self-test: a known seed of the embedded model still gives the known picture.

`python -m animator.selftest` records the picture anew; do that with every change of models/mini.
"""

from pathlib import Path

import numpy as np

from core.devices import ModelPool
from core.image import Image, Size, resized
from core.weights import EMBEDDED
from diffusion.backends import REGISTRY, Generator
from diffusion.request import ImageRequest, Sampling
from media.read import read_image
from media.stills import write_png

KNOWN = EMBEDDED / "mini" / "selftest.png"
REQUEST = ImageRequest(
    prompt=(("ocean at sunset", 1.0),),
    negative="",
    size=Size(128, 128),
    seed=1,
    sampler="DPM++ 2M Karras",
    sampling=Sampling(steps=4, cfg=3.0),
)
GRID = Size(16, 16)  # the pictures are compared at this size, so that rounding on other machines does not count
TOLERANCE = 3.0  # levels of 255, mean absolute difference


def picture() -> Image:
    """The picture this machine gives."""
    generator: Generator = REGISTRY.build("stills", {"model": "mini"}, pool=ModelPool())
    return generator.generate([REQUEST])[0]


def difference(known: Path = KNOWN) -> float:
    """Mean absolute difference from the known picture, in levels 0..255; at most TOLERANCE is as it should be."""
    mine, theirs = (resized(image, GRID, "area").astype(np.float32) for image in (picture(), read_image(known)))
    return float(np.abs(mine - theirs).mean())


if __name__ == "__main__":
    write_png(KNOWN, picture(), {})
