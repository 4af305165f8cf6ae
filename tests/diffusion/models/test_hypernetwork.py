import pickle
from itertools import pairwise

import pytest
import torch
from torch import nn

from core.devices import ModelPool
from core.errors import WeightsError
from diffusion.models.hypernetwork import attended, check_fit, load_hypernetwork
from diffusion.models.load import load_model
from tests.diffusion.models.toy import WIDTH, toy_pipeline


def state(width, structure=(1, 2, 1), *, step=1, norm=False, seed=0):
    """Numbers of one network; `step` is how far the web UI counts from one linear layer to the next."""
    torch.manual_seed(seed + width)
    found, number = {}, 0
    for before, after in pairwise(structure):
        found |= {
            f"linear.{number}.weight": 0.3 * torch.randn(int(after * width), int(before * width)),
            f"linear.{number}.bias": 0.1 * torch.randn(int(after * width)),
        }
        number += step - norm
        if norm:
            size = int(after * width)
            found |= {
                f"linear.{number}.weight": 1 + 0.1 * torch.randn(size),
                f"linear.{number}.bias": torch.randn(size),
            }
            number += 1
    return found


def written(tmp_path, widths=(WIDTH,), name="anime.pt", **content):
    shape = content.pop("shape", {})
    sides = {width: (state(width, **shape), state(width, seed=1, **shape)) for width in widths}
    torch.save({**sides, "step": 10, "name": "anime", "layer_structure": [1, 2, 1], **content}, tmp_path / name)
    return tmp_path / name


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    folder = tmp_path_factory.mktemp("toy")
    toy_pipeline("sd1").save_pretrained(folder)
    return load_model(str(folder), ModelPool())


def test_a_network_is_its_layers_with_the_activation_between_them(tmp_path):
    x, numbers = torch.randn(2, 5, WIDTH), state(WIDTH)
    first, second = ((numbers[f"linear.{n}.weight"], numbers[f"linear.{n}.bias"]) for n in (0, 1))
    for ends_active in (True, False):
        path = written(tmp_path, activation_func="relu", activate_output=ends_active)
        keys, _ = load_hypernetwork(path).pairs[WIDTH]
        expected = nn.functional.linear(nn.functional.linear(x, *first).relu(), *second)
        assert torch.allclose(keys(x), expected.relu() if ends_active else expected, atol=1e-5)


def test_norms_stand_behind_the_activation_wherever_the_numbers_are(tmp_path):
    shape = {"step": 3, "norm": True}
    path = written(tmp_path, activation_func="tanh", activate_output=False, is_layer_norm=True, shape=shape)
    keys, _ = load_hypernetwork(path).pairs[WIDTH]
    assert [type(layer).__name__ for layer in keys] == ["Linear", "Tanh", "LayerNorm", "Linear", "LayerNorm"]


def test_files_of_the_first_days_are_linear(tmp_path):
    old = {
        key.replace("linear.0", "linear1").replace("linear.1", "linear2"): part for key, part in state(WIDTH).items()
    }
    torch.save({WIDTH: (old, old)}, tmp_path / "old.pt")
    keys, _ = load_hypernetwork(tmp_path / "old.pt").pairs[WIDTH]
    x = torch.randn(3, WIDTH)
    expected = nn.functional.linear(
        nn.functional.linear(x, old["linear1.weight"], old["linear1.bias"]), old["linear2.weight"], old["linear2.bias"]
    )
    assert torch.allclose(keys(x), expected, atol=1e-5)


def test_keys_and_values_are_made_from_the_changed_context(tmp_path, model):
    found = load_hypernetwork(written(tmp_path))
    keys, values = found.pairs[WIDTH]
    attention = next(
        module
        for module in model.unet.modules()
        if type(module).__name__ == "Attention" and module.to_k.in_features == WIDTH and module.is_cross_attention
    )
    context = torch.randn(1, 7, WIDTH)
    with torch.no_grad():
        plain_k, plain_v, plain_q = (
            attention.to_k(context),
            attention.to_v(context),
            attention.to_q(torch.ones(1, 7, attention.query_dim)),
        )
        with attended(model.unet, [(found, 0.5)]):
            assert torch.allclose(
                attention.to_k(context), attention.to_k.forward(context + 0.5 * keys(context)), atol=1e-5
            )
            assert torch.allclose(
                attention.to_v(context), attention.to_v.forward(context + 0.5 * values(context)), atol=1e-5
            )
            assert torch.equal(attention.to_q(torch.ones(1, 7, attention.query_dim)), plain_q)
        assert torch.equal(attention.to_k(context), plain_k)
        assert torch.equal(attention.to_v(context), plain_v)


def test_several_chain_in_their_order(tmp_path, model):
    one, two = (
        load_hypernetwork(written(tmp_path)),
        load_hypernetwork(written(tmp_path, name="b.pt", activation_func="elu")),
    )
    layer = next(
        module.to_k
        for module in model.unet.modules()
        if getattr(getattr(module, "to_k", None), "in_features", 0) == WIDTH
    )
    context = torch.randn(1, 7, WIDTH)
    with torch.no_grad(), attended(model.unet, [(one, 0.5), (two, 2.0)]):
        once = context + 0.5 * one.pairs[WIDTH][0](context)
        twice = once + 2.0 * two.pairs[WIDTH][0](once)
        assert torch.allclose(layer(context), layer.forward(twice), atol=1e-4)


def test_one_for_another_family_is_refused(tmp_path, model):
    with pytest.raises(WeightsError, match=r"anime\.pt: does not fit .*SD 2\.x"):
        check_fit(load_hypernetwork(written(tmp_path, widths=(16 * 2, 1024))), model.unet)
    with pytest.raises(WeightsError, match="another family"):
        check_fit(load_hypernetwork(written(tmp_path, widths=(7,))), model.unet)
    check_fit(load_hypernetwork(written(tmp_path)), model.unet)


class Evil:
    def __reduce__(self):
        return print, ("run",)


def bad():
    good, broken = state(WIDTH), state(WIDTH)
    broken["linear.0.bias"][0] = float("inf")
    return {
        "empty.pt": {},
        "list.pt": [1, 2],
        "lora.pt": {"lora_unet_x.alpha": torch.tensor(1.0)},
        "single.pt": {WIDTH: (good,)},
        "words.pt": {WIDTH: ("a", "b")},
        "wide.pt": {WIDTH + 1: (good, good)},
        "none.pt": {WIDTH: ({}, {})},
        "half.pt": {WIDTH: ({"linear.0.weight": good["linear.0.weight"]},) * 2},
        "names.pt": {WIDTH: ({"conv.weight": good["linear.0.weight"]},) * 2},
        "nan.pt": {WIDTH: (broken, good)},
        "cube.pt": {WIDTH: ({"linear.0.weight": torch.ones(2, 2, 2), "linear.0.bias": torch.ones(2)},) * 2},
    }


@pytest.mark.parametrize("name", bad())
def test_what_is_no_hypernetwork_is_refused_by_name(name, tmp_path):
    torch.save(bad()[name], tmp_path / name)
    with pytest.raises(WeightsError, match=name.replace(".", r"\.")):
        load_hypernetwork(tmp_path / name)


def test_unknown_activations_and_dangerous_or_cut_files_are_refused(tmp_path, capsys):
    with pytest.raises(WeightsError, match="relu"):
        load_hypernetwork(written(tmp_path, activation_func="rely"))
    whole = written(tmp_path).read_bytes()
    for content in (pickle.dumps({16: Evil()}, protocol=2), whole[:-200], b""):
        (tmp_path / "bad.pt").write_bytes(content)
        with pytest.raises(WeightsError, match=r"bad\.pt"):
            load_hypernetwork(tmp_path / "bad.pt")
    assert "run" not in capsys.readouterr().out
