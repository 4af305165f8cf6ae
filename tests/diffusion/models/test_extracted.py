import copy

import pytest
import torch

from core.errors import WeightsError
from diffusion.models.extracted import extracted_lora, write_lora
from diffusion.models.lora import load_lora, open_lora
from diffusion.models.lora_names import Layer, Target
from diffusion.models.overlay import Dose, overlaid
from tests.diffusion.models.toy import toy_unet


def moved(network, rank=None):
    """The network with every parameter a little elsewhere; linear layers and convolutions by so many ranks."""
    torch.manual_seed(1)
    other = copy.deepcopy(network)
    with torch.no_grad():
        for parameter in other.parameters():
            matrix = parameter.view(len(parameter), -1)
            if rank and matrix.shape[1] > 1:
                matrix += 0.1 * torch.randn(len(matrix), rank) @ torch.randn(rank, matrix.shape[1])
            else:
                matrix += 0.1 * torch.randn(matrix.shape)
    return other


def named(network):
    return {
        Layer("unet", name.replace(".", "_")): Target(module, name, "unet")
        for name, module in network.named_modules()
        if isinstance(getattr(module, "weight", None), torch.nn.Parameter)
    }


def brought_over(base, tensors, tmp_path, rank):
    """The parameters of `base` under the LoRA, written and read."""
    path = tmp_path / "made" / "fast.safetensors"
    write_lora(path, tensors, rank=rank)
    with overlaid(Dose(change, 1.0, None) for change in load_lora(path, named(base))).applied():
        return {name: parameter.clone() for name, parameter in base.named_parameters()}


def test_a_difference_of_low_rank_comes_over_whole(tmp_path):
    base = toy_unet("sd1")
    tuned = moved(base, rank=2)
    reached = brought_over(base, extracted_lora(base, tuned, 2), tmp_path, 2)
    for name, parameter in tuned.named_parameters():
        assert torch.allclose(reached[name], parameter, atol=2e-3), name


def test_no_lora_of_that_rank_comes_nearer():
    base = toy_unet("sd1")
    tuned = moved(base)
    name = "mid_block.attentions.0.transformer_blocks.0.ff.net.0.proj"
    change = (tuned.get_submodule(name).weight - base.get_submodule(name).weight).detach()
    state = extracted_lora(base, tuned, 3)
    stem = "lora_unet_" + name.replace(".", "_")
    product = state[f"{stem}.lora_up.weight"] @ state[f"{stem}.lora_down.weight"]
    least = torch.linalg.svdvals(change)[3:].norm()
    assert (change - product).norm() == pytest.approx(least.item(), rel=1e-4)
    assert state[f"{stem}.lora_up.weight"].norm() == pytest.approx(
        state[f"{stem}.lora_down.weight"].norm().item(), rel=1e-4
    )


def test_layers_that_are_alike_are_left_out(tmp_path):
    base = toy_unet("sd1")
    tuned = copy.deepcopy(base)
    with torch.no_grad():
        tuned.conv_in.weight += 0.1
    assert {key.partition(".")[0] for key in extracted_lora(base, tuned, 1)} == {"lora_unet_conv_in"}
    with pytest.raises(WeightsError, match="nothing to extract"):
        extracted_lora(base, base, 1)


def test_the_file_says_what_it_is(tmp_path):
    base = toy_unet("sd1")
    path = tmp_path / "fast.safetensors"
    write_lora(path, extracted_lora(base, moved(base), 4), rank=4, base_model="sd_v1")
    file = open_lora(path).file
    assert file.metadata["ss_output_name"] == "fast"
    assert file.metadata["ss_network_dim"] == "4"
    assert [entry.name for entry in tmp_path.iterdir()] == ["fast.safetensors"]


def test_a_file_that_cannot_be_written_is_an_error_with_its_path(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(WeightsError, match="fast"):
        write_lora(tmp_path / "file" / "fast.safetensors", {"x": torch.zeros(1)}, rank=1)


def test_networks_of_different_shape_and_broken_ones_are_refused():
    base = toy_unet("sd1")
    with pytest.raises(WeightsError, match="shape of"):
        extracted_lora(base, toy_unet("sd2"), 1)
    tuned = moved(base)
    with torch.no_grad():
        tuned.conv_in.weight[0] = float("nan")
    with pytest.raises(WeightsError, match=r"conv_in\.weight is not finite"):
        extracted_lora(base, tuned, 1)
