"""SparseControl in clips: what it adds, where it is known, and original files."""

from dataclasses import replace

import pytest
import torch
from diffusers import SparseControlNetModel
from safetensors.torch import save_file
from torch import nn

from core.devices import ModelPool
from core.errors import WeightsError
from diffusion.clips.denoise import Asked
from diffusion.clips.journal import Journal
from diffusion.clips.module import load_motion
from diffusion.clips.order import SparsePictures
from diffusion.clips.sparse import SparseSteer, load_sparse
from diffusion.clips.studio import ClipStudio
from diffusion.kit import Kit
from diffusion.models.load import load_model
from tests.diffusion.clips.toys import noise_picture, order, write_module
from tests.diffusion.models.toy import toy_pipeline


def network(unet, *, latents, factor=2):
    """A network with all parts at work."""
    torch.manual_seed(11)
    own = SparseControlNetModel(
        conditioning_channels=4 if latents else 3,
        down_block_types=("CrossAttnDownBlockMotion", "DownBlockMotion")
        if "CrossAttn" not in unet.config.down_block_types[-1]
        else ("CrossAttnDownBlockMotion",) * len(unet.config.down_block_types),
        block_out_channels=tuple(unet.config.block_out_channels),
        layers_per_block=unet.config.layers_per_block,
        cross_attention_dim=unet.config.cross_attention_dim,
        attention_head_dim=unet.config.attention_head_dim,
        norm_num_groups=unet.config.norm_num_groups,
        use_linear_projection=unet.config.use_linear_projection,
        use_simplified_condition_embedding=latents,
        conditioning_embedding_out_channels=(4,) * (factor.bit_length()),
        motion_max_seq_length=32,
    )
    for name, values in own.named_parameters():
        if name.startswith("controlnet_"):
            nn.init.normal_(values, std=0.3)
    return own.eval()


@pytest.fixture(scope="module")
def toy(tmp_path_factory):
    folder = tmp_path_factory.mktemp("sparse")
    toy_pipeline("sd1").save_pretrained(folder / "model")
    model = load_model(str(folder / "model"), ModelPool())
    write_module(folder / "motion", model.unet)
    for latents in (True, False):
        own = network(model.unet, latents=latents, factor=model.autoencoder.factor)
        own.save_pretrained(folder / ("rgb" if latents else "scribble"))
    return folder, model


def shown(frames, weights=(1.0,) * 16, start=0.0, end=1.0):
    return SparsePictures({frame: noise_picture(frame) for frame in frames}, weights, start, end)


def steer(toy, kind, pictures):
    folder, model = toy
    return SparseSteer(load_sparse(folder / kind, model, ModelPool()), pictures, Kit(model))


def asked(*windows):
    return [Asked(window, False, torch.zeros(1), None) for window in windows]


def given(model, count, frames=8):
    torch.manual_seed(2)
    channels, width = model.autoencoder.channels, model.unet.config.cross_attention_dim
    return (
        torch.randn(count, frames, channels, 8, 8),
        torch.full((count,), 500.0),
        torch.randn(count * frames, 5, width),
    )


@pytest.mark.parametrize("kind", ["rgb", "scribble"])
def test_what_is_added_is_what_diffusers_adds_with_the_pictures_at_their_places(toy, kind):
    by = steer(toy, kind, shown([2, 9]))
    latents, times, words = given(toy[1], 2)
    cells = by._shown[2].shape[2:]
    latents = latents[..., :1, :1].expand(*latents.shape[:3], 16, 16) if kind == "scribble" else latents
    size = toy[1].autoencoder.factor
    rows, columns = cells if kind == "rgb" else (cells[0] // size, cells[1] // size)
    latents = torch.randn(2, 8, latents.shape[2], rows, columns)
    found = by.added(latents, times, words, asked(tuple(range(8)), tuple(range(8, 16))), 0.0)
    for row, place in ((0, 2), (1, 1)):
        hints = torch.zeros(1, by._shown[2].shape[1], 8, *cells)
        known = torch.zeros(1, 1, 8, *cells)
        hints[:, :, place], known[:, :, place] = by._shown[2 if row == 0 else 9], 1
        down, middle = load_sparse(toy[0] / kind, toy[1], ModelPool()).network(
            latents[row : row + 1].transpose(1, 2),
            times[:1],
            words[row * 8 : row * 8 + 8],
            controlnet_cond=hints,
            conditioning_mask=known,
            return_dict=False,
        )
        own = slice(row * 8, row * 8 + 8)
        assert all(torch.allclose(a[own], b, atol=1e-4) for a, b in zip(found.skips, down, strict=True))
        assert torch.allclose(found.middle[own], middle, atol=1e-4)


def test_windows_without_a_picture_and_steps_outside_its_share_get_nothing(toy):
    by = steer(toy, "rgb", shown([2], end=0.5))
    latents, times, words = given(toy[1], 2)
    latents = torch.randn(2, 8, latents.shape[2], *by._shown[2].shape[2:])
    both = asked(tuple(range(8)), tuple(range(8, 16)))
    found = by.added(latents, times, words, both, 0.5)
    assert float(found.middle[:8].abs().sum()) > 0 and float(found.middle[8:].abs().sum()) == 0
    assert by.added(latents, times, words, both, 0.6).middle is None
    assert by.added(latents[1:], times[1:], words[8:], both[1:], 0.0).middle is None


def test_each_frame_has_its_weight(toy):
    latents, times, words = given(toy[1], 1)
    one, half = (steer(toy, "rgb", shown([0], weights=(1.0, *(share,) * 7, *(1.0,) * 8))) for share in (1.0, 0.5))
    latents = torch.randn(1, 8, latents.shape[2], *one._shown[0].shape[2:])
    a, b = (by.added(latents, times, words, asked(tuple(range(8))), 0.0).middle for by in (one, half))
    assert torch.allclose(a[0], b[0]) and torch.allclose(a[1:] * 0.5, b[1:], atol=1e-6)


def test_a_clip_is_drawn_towards_its_pictures(toy, tmp_path):
    folder, model = toy
    sparse = load_sparse(folder / "rgb", model, ModelPool())
    by = ClipStudio(model, load_motion(folder / "motion", ModelPool()), sparse=sparse)
    made = {}
    for name, pictures in (("none", None), ("zero", shown([0], (0.0,) * 16)), ("one", shown([0]))):
        made[name] = by.latents(replace(order(8), sparse=pictures), Journal(tmp_path / name, name)).clone()
    assert torch.allclose(made["none"], made["zero"], atol=1e-5)
    assert not torch.allclose(made["none"], made["one"], atol=1e-3)


@pytest.mark.parametrize("kind", ["rgb", "scribble"])
def test_original_files_are_read_as_folders_are(toy, tmp_path, kind):
    folder, model = toy
    own = SparseControlNetModel.from_pretrained(folder / kind).state_dict()
    named = {}
    for key, tensor in own.items():
        if key.endswith("pos_embed.pe"):
            continue
        place = ".motion_modules."
        stem, found, rest = key.partition(place)
        if found:
            number, _, tail = rest.partition(".")
            for ours, theirs in (
                (".attn1.", ".attention_blocks.0."),
                (".attn2.", ".attention_blocks.1."),
                (".norm1.", ".norms.0."),
                (".norm2.", ".norms.1."),
                (".norm3.", ".ff_norm."),
            ):
                tail = tail.replace(ours, theirs)
            stem = f"{stem}{place}{number}.temporal_transformer.{tail}"
        named[stem] = tensor.contiguous()
    save_file(named, tmp_path / "sparsectrl.safetensors")
    read = load_sparse(tmp_path / "sparsectrl.safetensors", model, ModelPool()).network.state_dict()
    assert all(torch.equal(read[key], tensor) for key, tensor in own.items())


def test_other_networks_are_refused_by_name(toy, tmp_path):
    with pytest.raises(WeightsError, match="holds a MotionAdapter"):
        load_sparse(toy[0] / "motion", toy[1], ModelPool())
    save_file({"conv.weight": torch.zeros(1)}, tmp_path / "no.safetensors")
    with pytest.raises(WeightsError, match="holds no SparseControl"):
        load_sparse(tmp_path / "no.safetensors", toy[1], ModelPool())
    with pytest.raises(WeightsError, match="another family"):
        load_sparse(toy[0] / "rgb", load_model("mini", ModelPool()), ModelPool())
