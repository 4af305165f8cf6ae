"""The second pass of a project: pictures drawn from text are drawn small, enlarged to the frame, and drawn again."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated

from pydantic import Field

from core.image import Size
from diffusion.request import Hires, PromptMix, RefinedPass

Number = float | str  # a keyframable number: a constant, or the text of a schedule
SMALLEST, CELL = 16, 8  # pixels of the first pass's sides


@dataclass(frozen=True, slots=True)
class SecondPassNumbers:
    """The keyframable numbers of a second pass at one frame."""

    steps: float = 0.0
    denoise: float = 0.7
    cfg: float = 0.0


@dataclass(frozen=True, slots=True)
class SecondPass:
    """A second pass ("hires fix") for pictures drawn from text: the first one, and those of a denoise of 1."""

    scale: Annotated[float, Field(ge=1, le=8)] = 2.0  # 1 .. 8; the first pass is so many times smaller than the frame
    upscaler: str = "Latent"  # a latent mode, or an upscaler of pictures; `render.py list upscalers`
    steps: Number = 0.0  # 0 .. 1000; exactly so many are run; 0: as many as in the first pass; keyframable
    denoise: Number = 0.7  # 0 .. 1; how much is drawn anew; keyframable
    cfg: Number = 0.0  # 0 .. 100; 0: as in the first pass; keyframable
    sampler: str = ""  # empty: as in the first pass
    noise_schedule: str = ""  # empty: as in the first pass, or the sampler's own where one is given
    prompts: Mapping[str, str] = field(default_factory=dict)  # as the project's; none: the same words
    model: str = ""  # a name, a path, a hub id; empty: the one of the first pass
    refines: RefinedPass = "second"  # which pass a refiner takes part in

    def numbers(self) -> dict[str, Number]:
        """Its keyframable numbers as they are given."""
        return {"steps": self.steps, "denoise": self.denoise, "cfg": self.cfg}

    def at(self, numbers: SecondPassNumbers, size: Size, words: tuple[PromptMix, str] | None) -> Hires:
        """What the second pass of one frame is asked.

        Args:
            numbers: of the frame.
            size: of the frame, which is that of the result.
            words: prompt and negative prompt of its own.
        """
        prompt, negative = words or (None, None)
        return Hires(
            scale=self.scale,
            width=size.width,
            height=size.height,
            upscaler=self.upscaler,
            steps=int(numbers.steps),
            denoise=numbers.denoise,
            sampler=self.sampler,
            schedule=self.noise_schedule,
            cfg=numbers.cfg,
            prompt=prompt,
            negative=negative,
            model=self.model,
            refines=self.refines,
        )


def first_size(size: Size, scale: float) -> Size:
    """The size of the first pass of a frame: so many times smaller, in whole cells."""
    return Size(*(max(SMALLEST, round(side / scale / CELL) * CELL) for side in size))
