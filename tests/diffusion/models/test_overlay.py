import pytest
import torch
from torch import nn

from core.errors import WeightsError
from diffusion.models.lora_names import Target
from diffusion.models.overlay import Change, Dose, overlaid


def linear(dtype=torch.float32):
    torch.manual_seed(0)
    return nn.Linear(8, 6).to(dtype).requires_grad_(False)


def change(layer, seed=0, **parts):
    torch.manual_seed(seed)
    parts = parts or {"up": torch.randn(6, 2), "down": torch.randn(2, 8)}
    return Change(Target(layer, "unet.layer", "unet"), parts)


def bits(layer):
    return [
        parameter.detach().clone().view(torch.int16 if parameter.element_size() == 2 else torch.int32)
        for parameter in layer.parameters()
    ]


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16])
def test_afterwards_not_one_bit_is_another(dtype):
    layer = linear(dtype)
    before, own = bits(layer), list(layer.parameters())
    overlay = overlaid([Dose(change(layer), 0.7, None), Dose(change(layer, 1, diff_b=torch.randn(6)), 0.3, None)])
    for _ in range(3):
        with overlay.applied():
            assert not torch.equal(layer.weight, own[0])
            assert not torch.equal(layer.bias, own[1])
    assert all(torch.equal(one, other) for one, other in zip(before, bits(layer), strict=True))
    assert all(one is other for one, other in zip(own, layer.parameters(), strict=True))


def test_weights_come_back_after_an_error_too():
    layer = linear()
    own = layer.weight
    with pytest.raises(ZeroDivisionError), overlaid([Dose(change(layer), 1.0, None)]).applied():
        _ = 1 / 0
    assert layer.weight is own


def test_changes_add_up_whatever_their_order():
    layer = linear()
    one, two = (
        Dose(change(layer, 1), 0.5, None),
        Dose(
            change(layer, 2, **{"dora_scale": torch.rand(6, 1), "up": torch.randn(6, 2), "down": torch.randn(2, 8)}),
            2.0,
            None,
        ),
    )
    sums = []
    for doses in ([one, two], [two, one]):
        with overlaid(doses).applied():
            sums.append(layer.weight.clone())
    alone = []
    for dose in (one, two):
        with overlaid([dose]).applied():
            alone.append(layer.weight - linear().weight)
    assert torch.allclose(sums[0], sums[1], atol=1e-6)
    assert torch.allclose(sums[0], layer.weight + alone[0] + alone[1], atol=1e-5)


def test_a_multiplier_scales_and_its_negative_undoes():
    layer = linear()
    with overlaid([Dose(change(layer), 0.5, None)]).applied():
        half = layer.weight - linear().weight
    with overlaid([Dose(change(layer), 1.0, None)]).applied():
        assert torch.allclose(layer.weight - linear().weight, 2 * half, atol=1e-6)
    with overlaid([Dose(change(layer), 1.0, None), Dose(change(layer), -1.0, None)]).applied():
        assert torch.allclose(layer.weight, linear().weight, atol=1e-6)


def test_a_layer_without_a_bias_gets_one_for_the_time():
    layer = nn.Linear(8, 6, bias=False)
    with overlaid([Dose(change(layer, diff_b=torch.ones(6)), 2.0, None)]).applied():
        assert torch.equal(layer.bias, torch.full((6,), 2.0))
    assert layer.bias is None


def test_weights_that_overflow_are_refused_by_name():
    layer = linear(torch.float16)
    with pytest.raises(WeightsError, match=r"unet\.layer are not finite"):
        overlaid([Dose(change(layer), 1e6, None)])
    with pytest.raises(WeightsError, match=r"unet\.layer are not finite"):
        overlaid([Dose(change(layer), 1e200, None)])


def test_results_are_no_inference_tensors_though_made_while_drawing():
    layer = linear()
    with torch.inference_mode():
        overlay = overlaid([Dose(change(layer), 1.0, None)])
    with overlay.applied():
        assert not layer.weight.is_inference()


def test_numbers_lie_in_memory_as_the_model_s_own():
    layer = nn.Conv2d(4, 6, 3).to(memory_format=torch.channels_last)
    parts = {"up": torch.randn(6, 2, 1, 1), "down": torch.randn(2, 4, 3, 3)}
    own = layer.weight
    with overlaid([Dose(change(layer, **parts), 1.0, None)]).applied():
        assert layer.weight.stride() == own.stride()
