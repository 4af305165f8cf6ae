"""A mode and a generator at toy size, for tests of the loop around them."""

from collections.abc import Sequence

import numpy as np

from animator.coherence import Coherence
from animator.params import FrameParams
from animator.steps import Carry, Step
from core.image import Image
from core.seeds import derive
from diffusion.request import ImageRequest, Sampling
from motion.camera import CameraMove, Lens


def params(index: int, **changes) -> FrameParams:
    values = {
        "index": index,
        "moment": index,
        "camera": CameraMove(),
        "lens": Lens(),
        "sampling": Sampling(),
        "sampler": "Euler",
        "coherence": Coherence(),
        "prompt": (("a cat", 1.0),),
        "negative": "",
        "seed": index,
        "noise_seed": index,
    }
    return FrameParams(**(values | changes))


class Growing:
    """Every frame is a function of the one before it and of its seed, as in a real feedback render."""

    identity = "growing"
    window = 1

    def __init__(self, block: int = 2, fails_at: int | None = None) -> None:
        self.block, self.fails_at, self.made = block, fails_at, []

    def plan(self, timeline: Sequence[FrameParams]) -> list[Step]:
        return [Step(tuple(timeline[i : i + self.block])) for i in range(0, len(timeline), self.block)]

    def run(self, step: Step, carry: Carry) -> tuple[list[Image], Carry]:
        if self.fails_at in step.indices:
            raise KeyboardInterrupt
        image = carry.images.get("previous", np.zeros((8, 12, 3), np.uint8))
        images = []
        for frame in step.frames:
            rng = np.random.default_rng(derive(frame.seed, "toy", frame.index))
            image = image // 2 + rng.integers(0, 128, image.shape, dtype=np.uint8)
            images.append(image)
        self.made.append(step.frames[0].index)
        return images, Carry({"previous": images[-1], "reference": images[0] // 2})


class Echo:
    """A generator that hands the init back and remembers what it was asked for."""

    identity = "echo"
    window = 1

    def __init__(self) -> None:
        self.requests: list[ImageRequest] = []

    def generate(self, requests: Sequence[ImageRequest]) -> list[Image]:
        self.requests.extend(requests)
        return [self._image(request) for request in requests]

    def _image(self, request: ImageRequest) -> Image:
        if request.init is not None:
            return request.init
        width, height = request.size
        return np.random.default_rng(request.seed).integers(0, 256, (height, width, 3), dtype=np.uint8)
