"""Generators, one file each."""

from collections.abc import Sequence
from typing import Protocol

from core.image import Image
from core.registry import Registry
from diffusion.request import ImageRequest

REGISTRY = Registry("generator", "diffusion.backends")


class Generator(Protocol):
    """Turns requests into pictures."""

    @property
    def window(self) -> int:
        """How many requests belong together in one call: 1 for stills, 16 or more for motion modules."""
        ...

    @property
    def identity(self) -> str:
        """Changes when the pictures for the same requests change: name, options, checksums of weights."""
        ...

    def generate(self, requests: Sequence[ImageRequest]) -> list[Image]:
        """One picture a request, uint8, H x W x 3, RGB, of the request's size.

        The same request gives the same picture whatever stands beside it.

        Raises:
            BrokenPicture: if a picture is NaN, black or constant and stays so in float32.
        """
        ...
