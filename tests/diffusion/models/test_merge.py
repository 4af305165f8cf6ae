import json

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from commands.terminal import exit_code
from core.checksum import checksum
from core.errors import UserError, WeightsError
from core.weights import MODELS_VARIABLE
from diffusion.models.merge import Recipe, merge
from render import app

FIRST = "model.diffusion_model.input_blocks.0.0.weight"
PLAIN = "model.diffusion_model.out.0.bias"
VAE = "first_stage_model.decoder.conv_in.bias"
IDS = "cond_stage_model.transformer.text_model.embeddings.position_ids"
ALONE = "model.diffusion_model.only"


@pytest.fixture
def files(tmp_path):
    """Three checkpoints of a few tensors; A as float16, B and C as float32, C without the plain tensor."""
    torch.manual_seed(0)
    for n, name in enumerate("abc"):
        dtype = torch.float16 if name == "a" else torch.float32
        tensors = {
            FIRST: torch.randn(3, 4, 3, 3).to(dtype),
            PLAIN: torch.randn(5).to(dtype),
            VAE: torch.randn(2).to(dtype),
            IDS: torch.arange(4) + n,
            f"{ALONE}.{name}": torch.randn(1),
        }
        if name == "c":
            del tensors[PLAIN]
        save_file(tensors, tmp_path / f"{name}.safetensors", {"from": name, name: "1"})
    return tmp_path


def made(files, names, **how):
    merge(Recipe(tuple(files / f"{name}.safetensors" for name in names), **how), files / "out.safetensors")
    return load_file(files / "out.safetensors")


def source(files, name):
    return load_file(files / f"{name}.safetensors")


def test_weighted_sum_is_its_formula_in_the_numbers_of_the_first(files):
    a, b, out = source(files, "a"), source(files, "b"), made(files, "ab", ratio=0.25)
    for key in (FIRST, PLAIN, VAE):
        expected = (a[key].double() * 0.75 + b[key].double() * 0.25).half()
        assert torch.allclose(out[key], expected, atol=1e-3)
        assert out[key].dtype == torch.float16
    assert torch.equal(out[IDS], a[IDS])
    assert out.keys() == a.keys()


def test_add_difference_adds_nothing_where_the_third_lacks_a_tensor(files):
    a, b, c, out = *(source(files, n) for n in "abc"), made(files, "abc", method="difference", ratio=0.5)
    expected = a[FIRST].double() + (b[FIRST].double() - c[FIRST].double()) * 0.5
    assert torch.allclose(out[FIRST], expected.half(), atol=2e-3)
    assert torch.equal(out[PLAIN], a[PLAIN])


@pytest.mark.parametrize(("ratio", "like"), [(0.0, "a"), (1.0, "b")])
def test_the_ends_of_the_ratio_are_the_sources(files, ratio, like):
    out = made(files, "ab", ratio=ratio)
    assert torch.equal(out[FIRST], source(files, like)[FIRST].half())


def test_no_interpolation_can_bake_discard_and_halve(files):
    save_file({"decoder.conv_in.bias": torch.tensor([7.0, 8.0])}, files / "vae.safetensors")
    out = made(files, "b", method="none", half=True, vae=files / "vae.safetensors", discard=r"only\.|position")
    assert out.keys() == {FIRST, PLAIN, VAE}
    assert out[VAE].tolist() == [7, 8]
    assert torch.equal(out[FIRST], source(files, "b")[FIRST].half())


@pytest.mark.parametrize(("channels", "flag"), [(9, "is_inpainting"), (8, "is_instruct_pix2pix")])
def test_a_special_unet_mixes_in_the_channels_of_the_latent(files, channels, flag):
    a = source(files, "a") | {FIRST: torch.randn(3, channels, 3, 3)}
    save_file(a, files / "a.safetensors")
    out = made(files, "ab", ratio=0.5)
    mixed = (a[FIRST][:, :4] + source(files, "b")[FIRST]) / 2
    assert torch.allclose(out[FIRST], torch.cat([mixed, a[FIRST][:, 4:]], dim=1), atol=1e-6)
    assert recipe_in(files)[flag] is True
    with pytest.raises(WeightsError, match="must be the first"):
        made(files, "ba")


def recipe_in(files):
    with safe_open(files / "out.safetensors", framework="pt") as file:
        return json.loads(file.metadata()["sd_merge_recipe"])


def test_the_recipe_stands_in_the_file(files):
    made(files, "ab", ratio=0.3)
    told = recipe_in(files)
    hashes = [checksum([files / f"{name}.safetensors"]) for name in "ab"]
    assert [told["primary_model_hash"], told["secondary_model_hash"], told["tertiary_model_hash"]] == [*hashes, None]
    assert (told["interp_method"], told["multiplier"], told["custom_name"]) == ("Weighted sum", 0.3, "0.7(a) + 0.3(b)")
    with safe_open(files / "out.safetensors", framework="pt") as file:
        metadata = file.metadata()
    assert json.loads(metadata["sd_merge_models"])[hashes[0]]["name"] == "a.safetensors"
    assert (metadata["from"], metadata["b"]) == ("a", "1")


def test_a_pickled_source_gives_the_same(files):
    before = made(files, "ab")
    torch.save({"state_dict": source(files, "b")}, files / "b.ckpt")
    recipe = Recipe((files / "a.safetensors", files / "b.ckpt"))
    merge(recipe, files / "out.safetensors")
    after = load_file(files / "out.safetensors")
    assert all(torch.equal(before[key], after[key]) for key in before)


@pytest.mark.parametrize(
    ("names", "how", "told"),
    [
        ("a", {}, "takes 2"),
        ("ab", {"ratio": 1.5}, "Allowed: 0 to 1"),
        ("ab", {"discard": "("}, "no regular expression"),
        ("ab", {"method": "cubic"}, "Known: none, sum, difference"),
    ],
)
def test_what_is_no_recipe_is_told(files, names, how, told):
    with pytest.raises(UserError, match=told):
        made(files, names, **how)


def test_what_does_not_fit_leaves_no_file(files):
    save_file({"lora_unet_x.lora_up.weight": torch.zeros(1)}, files / "lora.safetensors")
    save_file(source(files, "b") | {PLAIN: torch.full((5,), float("nan"))}, files / "nan.safetensors")
    save_file(source(files, "b") | {PLAIN: torch.zeros(6)}, files / "other.safetensors")
    before = sorted(path.name for path in files.iterdir())
    for name, told in (("lora", "no tensor in common"), ("nan", "NaN"), ("other", r"is \(6,\), expected \(5,\)")):
        with pytest.raises(WeightsError, match=told):
            made(files, ["a", name])
    assert sorted(path.name for path in files.iterdir()) == before


def command(*arguments):
    return exit_code(lambda: app(["models", *map(str, arguments)], standalone_mode=False))


def test_the_commands_find_mix_and_tell(files, monkeypatch, capsys):
    monkeypatch.setenv(MODELS_VARIABLE, str(files))
    assert command("merge", "a", "b", "-o", files / "mixed.safetensors", "--ratio", "0.5") == 0
    assert command("list", "checkpoint") == 0
    assert command("info", "mixed") == 0
    shown = capsys.readouterr().out
    assert all(word in shown for word in ("0.5(a) + 0.5(b)", "mixed.safetensors", "Weighted sum"))
    assert checksum([files / "mixed.safetensors"])[:10] in shown
    assert command("info", "mixde") == 2
    assert "Did you mean 'mixed'" in capsys.readouterr().err
