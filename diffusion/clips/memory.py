"""What memory a clip will take, told before it is begun."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from core.errors import UserError
from core.image import Size

if TYPE_CHECKING:
    import torch

GIGABYTE = 1 << 30
ACTIVE = (
    36  # times the UNet's first layer that a call holds at once; 5.6 GB for 16 frames of 512 pixels in half precision
)
DECODING = 8  # times its widest layer at full size that the autoencoder holds
LATENTS = 8  # tensors of the whole clip that sampling holds
MEMINFO = Path("/proc/meminfo")


@dataclass(frozen=True, slots=True)
class Needs:
    """What a clip's memory depends on."""

    frames: int  # of the whole clip
    window: int  # frames of one
    together: int  # windows in one call
    size: Size
    factor: int  # pixels of a latent cell
    channels: int  # of a latent
    width: int  # channels of the UNet's first layer
    decoder_width: int  # channels of the autoencoder's layer at full size
    item: int  # bytes of a number in the UNet

    @property
    def cells(self) -> int:
        """Latent cells of a frame."""
        return -(-self.size.width // self.factor) * -(-self.size.height // self.factor)

    @property
    def total(self) -> int:
        """Bytes at the most demanding moment, weights aside."""
        call = 2 * self.together * self.window * self.cells * self.width * self.item * ACTIVE
        decoding = self.size.width * self.size.height * self.decoder_width * 4 * DECODING
        return max(call, decoding) + self.frames * self.cells * self.channels * 4 * LATENTS


def check(needs: Needs, free: int) -> None:
    """Raises UserError if a clip will not fit, with the setting that would."""
    if needs.total <= free:
        return
    told = f"drawing the clip takes about {needs.total / GIGABYTE:.2f} GB, {free / GIGABYTE:.2f} GB are free"
    for together in range(needs.together - 1, 0, -1):
        if replace(needs, together=together).total <= free:
            raise UserError(told, way_out=f"Set clip.together to {together}")
    for share in range(15, 0, -1):
        sides = (max(16, side * share // 16 // 8 * 8) for side in needs.size)
        small = replace(needs, together=1, size=Size(*sides))
        if small.total <= free:
            raise UserError(
                told, way_out=f"A size of {small.size} fits" + (" with clip.together 1" * (needs.together > 1))
            )
    raise UserError(told, way_out="Close other programs, or make the clip shorter")


def free_memory(device: "torch.device") -> int | None:
    """Bytes that are free on a device; None where that is not to be known."""
    if device.type == "cuda":
        import torch

        return int(torch.cuda.mem_get_info(device)[0])
    if device.type != "cpu" or not MEMINFO.is_file():
        return None
    lines = (line.split() for line in MEMINFO.read_text(encoding="ascii").splitlines())
    return next((int(line[1]) * 1024 for line in lines if line[0] == "MemAvailable:"), None)
