"""Each family against its formula written out in loops over ranks and blocks."""

import numpy as np
import pytest
import torch

from core.errors import WeightsError
from diffusion.models.deltas import bias_change, family_of, weight_change

LINEAR, CONV = (6, 8), (6, 8, 3, 3)
R = 4


def random(*shape, seed=0):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed + sum(shape)))


def array(parts, name):
    return parts[name].double().numpy()


def expected(parts, weight, formula):
    return torch.from_numpy(formula({name: array(parts, name) for name in parts}, weight.double().numpy()))


def lora(p, w):
    return 2 / R * sum(np.outer(p["up"][:, r], p["down"][r]) for r in range(R)).reshape(w.shape)


def locon(p, w):
    total = np.zeros(w.shape)
    for r in range(R):
        for o in range(len(w)):
            total[o] += p["up"][o, r, 0, 0] * p["down"][r]
    return 2 / R * total


def locon_with_core(p, w):
    total = np.zeros(w.shape)
    for r in range(R):
        for s in range(R):
            side = np.outer(p["up"][:, r, 0, 0], p["down"][s, :, 0, 0])
            total += side[:, :, None, None] * p["mid"][r, s]
    return 2 / R * total


def loha(p, w):
    both = [sum(np.outer(p[f"hada_w{n}_a"][:, r], p[f"hada_w{n}_b"][r]) for r in range(R)) for n in (1, 2)]
    return 2 / R * (both[0] * both[1]).reshape(w.shape)


def loha_with_core(p, w):
    both = []
    for n in (1, 2):
        a, b, t = (p[f"hada_{name}"] for name in (f"w{n}_a", f"w{n}_b", f"t{n}"))
        both.append(sum(np.outer(a[r], b[s])[:, :, None, None] * t[r, s] for r in range(R) for s in range(R)))
    return 2 / R * both[0] * both[1]


def lokr(p, w):
    total = np.zeros(w.shape)
    first, second = p["lokr_w1"], p["lokr_w2"]
    rows, columns = second.shape[:2]
    for o in range(len(first)):
        for i in range(first.shape[1]):
            total[o * rows : (o + 1) * rows, i * columns : (i + 1) * columns] = first[o, i] * second
    return total


def lokr_of_factors(p, w):
    second = (p["lokr_w2_a"] @ p["lokr_w2_b"].reshape(R, -1)).reshape(3, *p["lokr_w2_b"].shape[1:])
    return 2 / R * lokr({"lokr_w1": p["lokr_w1_a"] @ p["lokr_w1_b"], "lokr_w2": second.reshape(3, 4, *w.shape[2:])}, w)


def ia3_outputs(p, w):
    return np.stack([w[o] * p["weight"].ravel()[o] for o in range(len(w))])


def ia3_inputs(p, w):
    return np.stack([w[:, i] * p["weight"].ravel()[i] for i in range(w.shape[1])], axis=1)


def glora(p, w):
    return 2 / R * (p["b2"] @ p["b1"] + w @ p["a2"] @ p["a1"])


def oft(p, w):
    turned = np.zeros(w.shape)
    for k, block in enumerate(p["oft_blocks"]):
        skew, one = block - block.T, np.eye(len(block))
        turn = (one + skew) @ np.linalg.inv(one - skew)
        assert np.allclose(turn @ turn.T, one)
        rows = slice(k * len(block), (k + 1) * len(block))
        turned[rows] = np.tensordot(turn.T, w[rows], 1)
    return turned - w


def boft(p, w):
    """The butterfly as matrices: each stage shuffles outputs, turns blocks of them, and puts them back."""
    stages, _, size, _ = p["oft_blocks"].shape
    turned = w
    for stage in range(stages):
        apart = 2**stage * size // 2
        starts = range(0, len(w), 2 * apart)
        order = [start + half * apart + k for start in starts for k in range(apart) for half in (0, 1)]
        shuffle, blocks = np.eye(len(w))[order], np.zeros((len(w), len(w)))
        for n, block in enumerate(p["oft_blocks"][stage]):
            skew, one = block - block.T, np.eye(size)
            rows = slice(n * size, (n + 1) * size)
            blocks[rows, rows] = (one + skew) @ np.linalg.inv(one - skew)
        turned = np.tensordot(shuffle.T @ blocks @ shuffle, turned, 1)
    return turned - w


def dora_of_outputs(p, w):
    changed = w + lora(p, w)
    lengths = p.get("dora_scale", p.get("magnitude")).ravel()
    return np.stack([row * length / np.linalg.norm(row) for row, length in zip(changed, lengths, strict=True)]) - w


def dora_of_inputs(p, w):
    changed = w + locon(p, w)
    columns = zip(changed.swapaxes(0, 1), p["dora_scale"].ravel(), strict=True)
    return np.stack([column * length / np.linalg.norm(column) for column, length in columns], axis=1) - w


ALPHA = {"alpha": torch.tensor(2.0)}
PLAIN = {"up": random(6, R), "down": random(R, 8), **ALPHA}
CONVOLVED = {"up": random(6, R, 1, 1), "down": random(R, 8, 3, 3), **ALPHA}
HADA = {f"hada_w{n}_{side}": random(*shape, seed=n) for n in (1, 2) for side, shape in (("a", (6, R)), ("b", (R, 8)))}
CASES = {
    "LoRA": (PLAIN, LINEAR, lora),
    "LoCon": (CONVOLVED, CONV, locon),
    "LoCon with a core": (
        {"up": random(6, R, 1, 1), "down": random(R, 8, 1, 1), "mid": random(R, R, 3, 3), **ALPHA},
        CONV,
        locon_with_core,
    ),
    "LoRA of a 1 x 1 convolution": (PLAIN, (6, 8, 1, 1), lora),
    "LoHa": ({**HADA, **ALPHA}, LINEAR, loha),
    "LoHa of a convolution": (
        {**HADA, "hada_w1_b": random(R, 72), "hada_w2_b": random(R, 72, seed=2), **ALPHA},
        CONV,
        loha,
    ),
    "LoHa with a core": (
        {
            **{f"hada_w{n}_a": random(R, 6, seed=n) for n in (1, 2)},
            **{f"hada_w{n}_b": random(R, 8, seed=n) for n in (1, 2)},
            **{f"hada_t{n}": random(R, R, 3, 3, seed=n) for n in (1, 2)},
            **ALPHA,
        },
        CONV,
        loha_with_core,
    ),
    "LoKr": ({"lokr_w1": random(2, 2), "lokr_w2": random(3, 4), **ALPHA}, LINEAR, lokr),
    "LoKr of a convolution": ({"lokr_w1": random(2, 2), "lokr_w2": random(3, 4, 3, 3), **ALPHA}, CONV, lokr),
    "LoKr of factors": (
        {
            **{"lokr_w1_a": random(2, R), "lokr_w1_b": random(R, 2)},
            **{"lokr_w2_a": random(3, R), "lokr_w2_b": random(R, 36), **ALPHA},
        },
        CONV,
        lokr_of_factors,
    ),
    "IA3 of outputs": ({"weight": random(6, 1), "on_input": torch.tensor(False)}, LINEAR, ia3_outputs),
    "IA3 of inputs": ({"weight": random(8), "on_input": torch.tensor(True)}, CONV, ia3_inputs),
    "GLoRA": (
        {"a1": random(R, 8), "a2": random(8, R), "b1": random(R, 8), "b2": random(6, R), **ALPHA},
        LINEAR,
        glora,
    ),
    "OFT": ({"oft_blocks": random(2, 3, 3)}, CONV, oft),
    "BOFT": ({"oft_blocks": random(3, 4, 2, 2)}, (8, 5), boft),
    "BOFT of a convolution": ({"oft_blocks": random(2, 2, 4, 4)}, (8, 3, 3, 3), boft),
    "full": ({"diff": random(*CONV)}, CONV, lambda p, w: p["diff"]),
    "norm": ({"w_norm": random(6), "b_norm": random(6)}, (6,), lambda p, w: p["w_norm"]),
    "DoRA": ({**PLAIN, "dora_scale": random(6, 1).abs()}, LINEAR, dora_of_outputs),
    "DoRA as peft stores it": ({**PLAIN, "magnitude": random(6).abs()}, LINEAR, dora_of_outputs),
    "DoRA of inputs": ({**CONVOLVED, "dora_scale": random(1, 8, 1, 1).abs()}, CONV, dora_of_inputs),
}


@pytest.mark.parametrize("name", CASES)
def test_a_family_follows_its_formula(name):
    parts, shape, formula = CASES[name]
    weight = random(*shape, seed=9)
    change = weight_change(parts, weight)
    assert change.shape == weight.shape
    assert torch.allclose(change.double(), expected(parts, weight, formula), atol=2e-5)


@pytest.mark.parametrize("name", CASES)
def test_shapes_alone_tell_whether_a_layer_fits(name):
    parts, shape, _ = CASES[name]
    sketch = {key: part if part.numel() == 1 else part.to("meta") for key, part in parts.items()}
    assert weight_change(sketch, torch.empty(shape, device="meta")).shape == shape
    with pytest.raises(WeightsError):
        weight_change(sketch, torch.empty(10, 12, *shape[2:], device="meta"))


@pytest.mark.parametrize("name", ["LoRA", "LoCon", "LoCon with a core", "LoHa", "LoHa with a core"])
def test_fewer_ranks_are_the_first_ones(name):
    parts, shape, _ = CASES[name]
    weight = random(*shape, seed=9)
    silenced = dict(parts)
    by_row = ("down", "mid", "hada_w1_b", "hada_w2_b", "hada_t1", "hada_t2")
    for key in parts.keys() & set(by_row):
        silenced[key] = torch.cat([parts[key][:2], 0 * parts[key][2:]])
    if "mid" in parts:
        silenced["mid"][:, 2:] = 0
    for key in ("hada_t1", "hada_t2"):
        if key in parts:
            silenced[key][:, 2:] = 0
    assert torch.allclose(weight_change(parts, weight, 2), weight_change(silenced, weight), atol=1e-5)


def test_oft_turns_no_further_than_its_alpha_allows():
    weight = random(*LINEAR)
    blocks, alpha = {"oft_blocks": random(2, 3, 3)}, 1e-3
    free, loose, tight = (
        weight_change({**blocks, **limit}, weight).norm()
        for limit in ({}, {"alpha": torch.tensor(100.0)}, {"alpha": torch.tensor(alpha)})
    )
    assert free == loose
    assert 0 < tight < 2.01 * alpha * len(weight) * weight.norm() < free


def test_a_scale_counts_before_alpha():
    weight = random(*LINEAR)
    plain = weight_change({"up": PLAIN["up"], "down": PLAIN["down"]}, weight)
    assert torch.allclose(weight_change({**PLAIN, "scale": torch.tensor(0.25)}, weight), 0.25 * plain)


def test_a_change_of_the_bias_alone_is_none_of_the_weight():
    parts = {"diff_b": random(6)}
    assert weight_change(parts, random(*LINEAR)) is None
    assert torch.equal(bias_change(parts), parts["diff_b"])


def test_parts_of_no_family_are_refused():
    assert family_of({"up": 1}) is None
    with pytest.raises(WeightsError, match="hada_w1_a"):
        weight_change({"hada_w1_a": random(6, R)}, random(*LINEAR))


@pytest.mark.parametrize(
    "parts",
    [
        {"up": torch.zeros(6), "down": torch.zeros(())},
        {"up": torch.zeros(6, 0), "down": torch.zeros(0, 8), **ALPHA},
        {"up": torch.zeros(8, R), "down": torch.zeros(R, 6)},
        {"up": torch.zeros(6, R), "down": torch.zeros(R, 8), "alpha": torch.zeros(3)},
        {"lokr_w1": torch.zeros(1 << 20, 1 << 20, device="meta"), "lokr_w2": torch.zeros(1 << 20, 4, device="meta")},
        {"oft_blocks": torch.zeros(2, 3, 4)},
        {"oft_blocks": torch.zeros(3, 4, 2, 2)},
    ],
)
def test_malformed_layers_are_refused_by_name(parts):
    with pytest.raises(WeightsError, match="for weights of 6 x 8"):
        weight_change(parts, torch.zeros(LINEAR))


def test_oft_without_a_limit_is_what_an_alpha_of_zero_means():
    weight, blocks = random(*LINEAR), {"oft_blocks": random(2, 3, 3)}
    assert torch.equal(weight_change({**blocks, "alpha": torch.tensor(0.0)}, weight), weight_change(blocks, weight))


def test_oft_keeps_lengths_unless_the_file_rescales():
    weight, blocks, lengths = random(*LINEAR), {"oft_blocks": random(2, 3, 3)}, random(6, 1)
    turned = weight + weight_change(blocks, weight)
    assert torch.allclose(turned.norm(dim=0), weight.norm(dim=0), atol=1e-5)
    rescaled = weight + weight_change({**blocks, "rescale": lengths}, weight)
    assert torch.allclose(rescaled, turned * lengths, atol=1e-5)


def test_boft_reaches_from_every_output_to_every_other_and_keeps_lengths():
    weight = torch.eye(8)
    turned = weight + weight_change({"oft_blocks": random(3, 4, 2, 2)}, weight)
    assert (turned.abs() > 1e-6).all()
    assert torch.allclose(turned @ turned.T, weight, atol=1e-5)
    still = weight_change({"oft_blocks": torch.zeros(3, 4, 2, 2)}, random(8, 5))
    assert torch.allclose(still, torch.zeros(8, 5), atol=1e-6)


def test_stored_rotations_turn_as_those_that_are_worked_out():
    weight, blocks = random(*CONV), random(2, 3, 3)
    skew, one = blocks - blocks.transpose(1, 2), torch.eye(3)
    turns = (one + skew) @ torch.linalg.inv(one - skew)
    change = weight_change({"oft_diag": turns}, weight)
    assert torch.allclose(change, weight_change({"oft_blocks": blocks}, weight), atol=1e-4)


@pytest.mark.parametrize("shape", [LINEAR, CONV])
def test_weights_listed_one_by_one_are_added_to_the_product(shape):
    weight, parts = random(*shape), {"diff": torch.zeros(shape), "alpha": torch.tensor(2.0)}
    places = torch.tensor([[0, 5, 5], [1, 7, 7], *[[0, 1, 1]] * (len(shape) - 2)])
    listed = {"bias_indices": places, "bias_values": torch.tensor([1.0, 2.0, 3.0]), "bias_size": torch.tensor(shape)}
    change = weight_change(parts | listed, weight)
    assert change[tuple(places[:, 0])] == 1
    assert change[tuple(places[:, 1])] == 5
    assert change.count_nonzero() == 2


def test_what_is_made_for_latents_leaves_the_mask_of_an_inpainting_model_alone():
    weight = random(6, 9, 3, 3)
    parts = {"up": random(6, R, 1, 1), "down": random(R, 4, 3, 3), "dora_scale": random(6, 1, 1, 1).abs()}
    change = weight_change(parts, weight)
    assert torch.equal(change[:, :4], weight_change(parts, weight[:, :4]))
    assert not change[:, 4:].any()
