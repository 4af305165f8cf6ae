"""Journal: what a denoiser has said so far, on disk, so that a killed sampling goes on from its last finished step.

Samplers are deterministic but for what the denoiser says and for noise that comes from seeds. Asked again from the
start they therefore take the same way, at no cost, as far as the journal goes; the result is the same to the bit.
"""

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from diffusion.clips.denoise import ClipDenoise

KEY = "key"
LATENTS = "latents.npy"


class Journal:
    """The folder of one clip. Holds what belongs to one key; of any other key it is emptied."""

    def __init__(self, folder: Path, key: str) -> None:
        """Args: folder: made when there is something to keep; key: changes with anything that makes the clip."""
        self.folder, self._key = folder, key

    def is_ours(self) -> bool:
        """Whether the folder holds this clip."""
        file = self.folder / KEY
        return file.is_file() and file.read_text(encoding="utf-8") == self._key

    def open(self) -> None:
        """Makes the folder this clip's."""
        if not self.is_ours():
            shutil.rmtree(self.folder, ignore_errors=True)
            self.folder.mkdir(parents=True)
            (self.folder / KEY).write_text(self._key, encoding="utf-8")

    def steps(self) -> int:
        """Calls of the denoiser that are on disk."""
        return len(list(self.folder.glob("call-*.npy"))) if self.is_ours() else 0

    def latents(self) -> Tensor | None:
        """The finished clip, read as far as it is used; None if it is not finished."""
        file = self.folder / LATENTS
        return torch.from_numpy(np.load(file, mmap_mode="c")) if self.is_ours() and file.is_file() else None

    def finish(self, latents: Tensor) -> None:
        """Keeps the finished clip, and lets go of the way to it."""
        self._write(LATENTS, latents)
        for file in self.folder.glob("call-*.npy"):
            file.unlink()

    def said(self, number: int, say: Callable[[], Tensor]) -> Tensor:
        """What was said at a call, from disk, or now and for good."""
        name = f"call-{number:05d}.npy"
        if (self.folder / name).is_file():
            return torch.from_numpy(np.load(self.folder / name))
        found = say()
        self._write(name, found)
        return found

    def _write(self, name: str, tensor: Tensor) -> None:
        temporary = self.folder / f"unfinished-{name}"
        np.save(temporary, tensor.numpy())
        temporary.replace(self.folder / name)


class Remembering:
    """A clip's denoiser that asks the journal first."""

    def __init__(self, denoise: ClipDenoise, journal: Journal, first: int = 0) -> None:
        """Args: denoise: what is asked; journal: of the clip; first: calls of passes before."""
        self._denoise, self._journal, self._first, self._calls = denoise, journal, first, 0

    @property
    def calls(self) -> int:
        """Of this pass."""
        return self._calls

    def __call__(self, x: Tensor, sigma: float) -> Tensor:
        """x0, the shape of x."""
        return self._said(lambda: self._denoise(x, sigma))

    def both(self, x: Tensor, sigma: float) -> tuple[Tensor, Tensor]:
        """x0 with guidance and without."""
        guided, negative = self._said(lambda: torch.stack(self._denoise.both(x, sigma)))
        return guided, negative

    def _said(self, say: Callable[[], Tensor]) -> Tensor:
        self._denoise.calls = self._calls
        found = self._journal.said(self._first + self._calls, say)
        self._calls += 1
        return found
