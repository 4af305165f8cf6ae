"""PatchAutoencoder: the small autoencoder of the embedded model. Starts as linear PCA of patches, learns the rest."""

from collections.abc import Sequence
from typing import Any

import torch
from diffusers import ConfigMixin, ModelMixin
from diffusers.configuration_utils import register_to_config
from diffusers.models.autoencoders.autoencoder_tiny import AutoencoderTinyOutput
from diffusers.models.autoencoders.vae import DecoderOutput
from torch import Tensor, nn
from torch.nn import functional

FOLD = 4  # pixels per cell of the finer grid the convolutions work on
FOLDED = 3 * FOLD * FOLD  # channels of a picture folded onto that grid


class Residual(nn.Module):
    """x + conv(silu(conv(x))); adds nothing at the start, because the second convolution is zero."""

    def __init__(self, width: int) -> None:
        """Args: width: channels in and out."""
        super().__init__()
        self.first = nn.Conv2d(width, width, 3, padding=1)
        self.second = zeroed(nn.Conv2d(width, width, 3, padding=1))

    def forward(self, x: Tensor) -> Tensor:
        """Same shape: N x width x H x W."""
        changed: Tensor = self.second(functional.silu(self.first(x)))
        return x + changed


class PatchAutoencoder(ModelMixin, ConfigMixin):  # type: ignore[misc]
    """Pictures N x 3 x H x W in -1..1 (sides multiples of the factor) to latents N x C x H/factor x W/factor and back.

    Two strided convolutions hold a linear basis of the patches (set to their PCA, this is the best linear
    autoencoder there is); convolutions on a grid of quarter resolution and on the latent grid add what it misses.
    It stands where diffusers expects an autoencoder: `save_pretrained`, `from_pretrained`, `encode(x).latents`,
    `decode(z).sample`, `config.scaling_factor`.
    """

    @register_to_config  # type: ignore[untyped-decorator]
    def __init__(
        self,
        latent_channels: int = 16,
        block_out_channels: Sequence[int] = (64, 64, 64, 96, 96),
        latent_scale: Sequence[float] | None = None,
        scaling_factor: float = 1.0,
    ) -> None:
        """Args as they stand in `config.json`.

        Args:
            latent_channels: numbers a latent cell.
            block_out_channels: width at full, half, quarter ... resolution, as in all autoencoders of diffusers;
                only the one at a quarter and the last, on the latent grid, are used. Their number sets the factor:
                5 for 16 pixels a cell, 4 for 8.
            latent_scale: one factor a channel, part of encoding and undone by decoding; larger ones weigh more in
                the training of the UNet. None for 1.
            scaling_factor: what pipelines multiply latents with; 1, because `latent_scale` has done it.
        """
        super().__init__()
        factor = 2 ** (len(block_out_channels) - 1)
        fine, coarse = block_out_channels[2], block_out_channels[-1]
        scale = torch.ones(latent_channels) if latent_scale is None else torch.tensor(latent_scale)
        self.register_buffer("channel_scale", scale.reshape(-1, 1, 1), persistent=False)

        self.linear_encoder = nn.Conv2d(3, latent_channels, factor, stride=factor)
        self.linear_decoder = nn.ConvTranspose2d(latent_channels, 3, factor, stride=factor)
        self.mean_patch = nn.Parameter(torch.zeros(3, factor, factor))

        self.fine_encoder = nn.Sequential(nn.Conv2d(FOLDED, fine, 3, padding=1), Residual(fine), Residual(fine))
        self.coarse_encoder = nn.Sequential(
            nn.PixelUnshuffle(factor // FOLD),
            nn.Conv2d(fine * (factor // FOLD) ** 2, coarse, 1),
            Residual(coarse),
            Residual(coarse),
            zeroed(nn.Conv2d(coarse, latent_channels, 3, padding=1)),
        )
        self.coarse_decoder = nn.Sequential(
            nn.Conv2d(latent_channels, coarse, 3, padding=1),
            *(Residual(coarse) for _ in range(3)),
            nn.Conv2d(coarse, fine * (factor // FOLD) ** 2, 3, padding=1),
            nn.PixelShuffle(factor // FOLD),
        )
        self.fine_decoder = nn.Sequential(
            nn.Conv2d(fine + FOLDED, fine, 3, padding=1),
            *(Residual(fine) for _ in range(4)),
            zeroed(nn.Conv2d(fine, FOLDED, 3, padding=1)),
        )

    def encode(self, x: Tensor, return_dict: bool = True) -> AutoencoderTinyOutput | tuple[Tensor]:
        """Pictures to latents; nothing is drawn, so there is no distribution, only `.latents`."""
        learned = self.coarse_encoder(self.fine_encoder(functional.pixel_unshuffle(x, FOLD)))
        latents = (self.linear_encoder(x) + learned) * self.channel_scale
        return AutoencoderTinyOutput(latents=latents) if return_dict else (latents,)

    def decode(self, z: Tensor, return_dict: bool = True, generator: Any = None) -> DecoderOutput | tuple[Tensor]:
        """Latents to pictures; `generator` is what pipelines pass along and is not needed."""
        cells = z / self.channel_scale
        linear = self.linear_decoder(cells) + self.mean_patch.repeat(1, *cells.shape[2:])
        seen = torch.cat([self.coarse_decoder(cells), functional.pixel_unshuffle(linear, FOLD)], dim=1)
        pictures = linear + functional.pixel_shuffle(self.fine_decoder(seen), FOLD)
        return DecoderOutput(sample=pictures) if return_dict else (pictures,)


def zeroed(layer: nn.Conv2d) -> nn.Conv2d:
    """The layer, with weights and bias set to zero."""
    nn.init.zeros_(layer.weight)
    if layer.bias is not None:
        nn.init.zeros_(layer.bias)
    return layer
