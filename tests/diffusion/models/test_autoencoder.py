import pytest
import torch

from core.weights import EMBEDDED
from diffusion.models.autoencoder import PatchAutoencoder
from diffusion.models.scaled import ScaledAutoencoder


def small(**settings):
    torch.manual_seed(0)
    return PatchAutoencoder(**{"latent_channels": 6, "block_out_channels": (8, 8, 8, 8), **settings}).eval()


def pictures(*shape):
    return torch.rand(*shape, generator=torch.Generator().manual_seed(1)) * 2 - 1


@torch.no_grad()
def test_starts_as_the_linear_maps_alone():
    model, x = small(), pictures(1, 3, 16, 24)
    latents = model.encode(x).latents
    assert torch.allclose(latents, model.linear_encoder(x))
    assert torch.allclose(model.decode(latents).sample, model.linear_decoder(latents), atol=1e-6)


@torch.no_grad()
def test_patches_of_an_orthonormal_basis_come_back_exactly():
    model = small(latent_channels=3 * 64)
    basis = torch.linalg.qr(torch.randn(3 * 64, 3 * 64))[0].reshape(-1, 3, 8, 8)
    for layer in (model.linear_encoder, model.linear_decoder):
        layer.weight.copy_(basis)
        layer.bias.zero_()
    x = pictures(2, 3, 16, 16)
    assert torch.allclose(model.decode(model.encode(x).latents).sample, x, atol=1e-5)


@pytest.mark.parametrize(("levels", "factor"), [(3, 4), (4, 8), (5, 16)])
@torch.no_grad()
def test_number_of_widths_sets_the_grid(levels, factor):
    model = small(block_out_channels=(8,) * levels)
    latents = model.encode(pictures(1, 3, 32, 48)).latents
    assert latents.shape == (1, 6, 32 // factor, 48 // factor)
    assert model.decode(latents).sample.shape == (1, 3, 32, 48)
    assert ScaledAutoencoder.of(model).factor == factor


@torch.no_grad()
def test_latent_scale_multiplies_latents_and_is_undone_by_decoding():
    scale = (1.0, 2.0, 3.0, 4.0, 5.0, 0.5)
    plain, scaled, x = small(), small(latent_scale=scale), pictures(1, 3, 16, 16)
    latents = scaled.encode(x).latents
    assert torch.allclose(latents, plain.encode(x).latents * torch.tensor(scale).reshape(-1, 1, 1))
    assert torch.allclose(scaled.decode(latents).sample, plain.decode(plain.encode(x).latents).sample, atol=1e-6)


@torch.no_grad()
def test_saved_and_loaded_is_bit_exact(tmp_path):
    model, x = small(latent_scale=(0.1,) * 6), pictures(1, 3, 16, 16)
    model.save_pretrained(tmp_path)
    again = PatchAutoencoder.from_pretrained(tmp_path)
    assert torch.equal(again.encode(x).latents, model.encode(x).latents)
    assert torch.equal(again.decode(again.encode(x).latents).sample, model.decode(model.encode(x).latents).sample)


@torch.no_grad()
def test_embedded_one_keeps_a_smooth_picture():
    ramp = torch.linspace(-0.8, 0.8, 64)
    x = torch.stack([ramp.expand(64, 64), ramp.flip(0)[:, None].expand(64, 64), torch.zeros(64, 64)])[None]
    model = ScaledAutoencoder.of(PatchAutoencoder.from_pretrained(EMBEDDED / "mini" / "vae").float())
    error = (model.decode(model.encode(x)) - x).square().mean()
    assert -10 * torch.log10(error / 4) > 28  # dB
