"""ScaledAutoencoder: a diffusers autoencoder that gives and takes latents in the scale the UNet works in."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, cast

from torch import Tensor


@dataclass(frozen=True, slots=True)
class ScaledAutoencoder:
    """An AutoencoderKL or PatchAutoencoder behind the `Autoencoder` protocol. Computes in the network's own dtype."""

    network: Any  # diffusers autoencoder
    factor: int  # pixels per latent cell
    channels: int
    arrive: Callable[[], None] | None = None  # brings the network to its device, if it is not there

    @classmethod
    def of(cls, network: Any) -> "ScaledAutoencoder":
        """With the grid that the network's settings tell."""
        return cls(network, 2 ** (len(network.config.block_out_channels) - 1), network.config.latent_channels)

    def encode(self, pictures: Tensor) -> Tensor:
        """float N x 3 x H x W in -1..1 to latents N x channels x H/factor x W/factor (the mean, no draw)."""
        self._come()
        encoded = self.network.encode(pictures.to(self.network.dtype))
        latents = encoded.latents if hasattr(encoded, "latents") else encoded.latent_dist.mode()
        return cast(Tensor, (latents - self._shift) * self.network.config.scaling_factor)

    def decode(self, latents: Tensor) -> Tensor:
        """Latents to float N x 3 x H x W, about -1..1."""
        self._come()
        unscaled = latents.to(self.network.dtype) / self.network.config.scaling_factor + self._shift
        return cast(Tensor, self.network.decode(unscaled).sample)

    def _come(self) -> None:
        if self.arrive is not None:
            self.arrive()

    @property
    def _shift(self) -> float:
        """What the middle of the latents lies at; 0 for all but few."""
        return float(getattr(self.network.config, "shift_factor", None) or 0.0)
