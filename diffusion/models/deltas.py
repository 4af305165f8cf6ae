"""What a LoRA or LyCORIS layer changes: the parts of one layer to the difference of its weights.

W is the weight as the model has it, s the file's own strength of the layer (`scale`, else alpha / rank, else 1).

    LoRA     s · up·down                             IA3     s · W ⊙ weight, by output or input
    LoHa     s · (w1_a·w1_b) ⊙ (w2_a·w2_b)           GLoRA   s · (b2·b1 + (W·a2)·a1)
    LoKr     s · kron(w1, w2)                        OFT     blockdiag(R)ᵀ·W - W
    full     diff                                    norm    w_norm
    BOFT     (S_m · … · S_1) · W - W, each stage S_i turning blocks of outputs that lie 2^i times further apart
    DoRA     (W + Δ) · dora_scale / ‖W + Δ‖ - W, with Δ from any of the additive ones

Convolutions are matrices of outputs x (inputs · rows · columns); some files have a small core tensor in between. What
is made for the latents alone acts on them alone where a model for inpainting sees a mask and a picture besides.

Source: Hu et al. 2021 (LoRA); Hyeon-Woo et al. 2021 (LoHa); Yeh et al. 2023, "Navigating Text-To-Image Customization"
(LyCORIS: LoKr, Tucker cores); Liu et al. 2022 (IA3); Chavan et al. 2023 (GLoRA); Qiu et al. 2023 (OFT); Liu et al.
2023 (BOFT); Liu et al. 2024 (DoRA); file forms as the web UI and LyCORIS read them.
"""

from collections.abc import Callable, Mapping
from typing import NamedTuple

import torch
from torch import Tensor

from core.errors import WeightsError

Parts = Mapping[str, Tensor]  # of one layer, by the names in lora_names.PARTS


class Family(NamedTuple):
    """One way to write a change."""

    name: str
    signs: frozenset[str]  # parts that tell it
    change: Callable[[Parts, Tensor, int | None], Tensor]  # (parts, W, ranks used) -> Δ before the layer's strength


def weight_change(parts: Parts, weight: Tensor, rank: int | None = None, *, multiplier: float = 1.0) -> Tensor | None:
    """What is added to a layer's weight at a multiplier, in memory of its own; None if only the bias changes.

    Args:
        parts: on the weight's device; meta tensors, all but the scalars, tell whether the shapes fit.
        weight: float32, as the model has it.
        rank: use only the first so many ranks; all if None.
        multiplier: of the whole change.

    Raises:
        WeightsError: for parts that are of no known family or do not fit the weight.
    """
    family = family_of(parts)
    if family is None:
        if not BIASES & parts.keys():
            raise WeightsError(f"parts {', '.join(sorted(parts))} make no known change of weights")
        return None
    seen = _latents_only(parts, weight)
    try:
        factor = 1.0 if family.name == "OFT" else strength(parts)
        floats = {name: _float(tensor) for name, tensor in parts.items()}
        if _is_plain(parts):
            floats["up"] = floats["up"] * (factor * multiplier)  # the factor is small, the product is not
            return _fitted(family.change(floats, seen, rank), seen, weight)
        change = _fitted(family.change(floats, seen, rank), seen, seen)
        change = _with_scattered(change, parts).mul_(factor)
        return _beside_zeros(_decomposed(change, seen, parts).mul_(multiplier), weight)
    except (RuntimeError, KeyError, IndexError, ValueError, TypeError, ZeroDivisionError) as fault:
        shapes = ", ".join(f"{name} {_shape(tensor)}" for name, tensor in parts.items() if tensor.numel() > 1)
        raise WeightsError(f"a {family.name} of {shapes or 'nothing'} for weights of {_shape(weight)}") from fault


def bias_change(parts: Parts) -> Tensor | None:
    """What is added to a layer's bias at multiplier 1; float32, in memory of its own."""
    return next((parts[name].to(torch.float32, copy=True) for name in BIASES if name in parts), None)


def family_of(parts: Mapping[str, object]) -> Family | None:
    """The family that the parts of a layer are of."""
    return next((family for family in FAMILIES if family.signs <= parts.keys()), None)


def strength(parts: Parts) -> float:
    """How much of its change a layer asks for at multiplier 1."""
    if "scale" in parts:
        return parts["scale"].item()
    ranked = next((parts[name] for name in RANKED if name in parts), None)
    return parts["alpha"].item() / len(ranked) if "alpha" in parts and ranked is not None else 1.0


def _product(a: Tensor, b: Tensor, rank: int | None) -> Tensor:
    """a·b as a matrix, of the first ranks only."""
    return a.flatten(1)[:, :rank] @ b.flatten(1)[:rank]


def _lora(parts: Parts, weight: Tensor, rank: int | None) -> Tensor:
    up, down = parts["up"], parts["down"]
    if "mid" not in parts:
        return _product(up, down, rank)
    up, down, mid = up.flatten(1)[:, :rank], down.flatten(1)[:rank], parts["mid"][:rank, :rank]
    return torch.einsum("or,rshw,si->oihw", up, mid, down)


def _loha(parts: Parts, weight: Tensor, rank: int | None) -> Tensor:
    first, second = (_with_core(parts, f"hada_w{n}", f"hada_t{n}", rank) for n in "12")
    return first * second


def _lokr(parts: Parts, weight: Tensor, rank: int | None) -> Tensor:
    first, second = (
        parts[f"lokr_w{n}"] if f"lokr_w{n}" in parts else _with_core(parts, f"lokr_w{n}", f"lokr_t{n}", rank)
        for n in "12"
    )
    if len(first) * len(second) != len(weight) or first.numel() * second.numel() != weight.numel():
        raise ValueError("their product has another size")  # found before a product of absurd size is made
    return torch.kron(first, second.flatten(1))


def _with_core(parts: Parts, factors: str, core: str, rank: int | None) -> Tensor:
    """a·b, or the tensor that a and b make with the small one between them (Tucker)."""
    a, b = parts[f"{factors}_a"], parts[f"{factors}_b"]
    if core not in parts:
        return _product(a, b, rank)
    return torch.einsum("rshw,ro,si->oihw", parts[core][:rank, :rank], a[:rank], b[:rank])


def _ia3(parts: Parts, weight: Tensor, rank: int | None) -> Tensor:
    sides = [1] * weight.ndim
    sides[1 if parts["on_input"].item() else 0] = -1
    return weight * parts["weight"].reshape(sides)


def _glora(parts: Parts, weight: Tensor, rank: int | None) -> Tensor:
    turned = _product(weight.flatten(1) @ parts["a2"].flatten(1), parts["a1"], None)
    return _product(parts["b2"], parts["b1"], rank) + turned


def _oft(parts: Parts, weight: Tensor, rank: int | None) -> Tensor:
    blocks = parts["oft_blocks"]
    skew = blocks - blocks.transpose(-1, -2)
    limit = parts["alpha"].item() * len(weight) if "alpha" in parts else 0.0
    if limit:
        skew = skew * (limit / skew.norm().clamp(min=1e-12)).clamp(max=1)
    one = torch.eye(blocks.shape[-1], device=blocks.device)
    turns = torch.linalg.solve(one - skew, one + skew, left=False)
    return _turned(turns, parts, weight) if turns.ndim == 3 else _in_stages(turns, parts, weight)


def _oft_of_turns(parts: Parts, weight: Tensor, rank: int | None) -> Tensor:
    """As older LyCORIS stored it: the rotations themselves."""
    return _turned(parts["oft_diag"], parts, weight)


def _turned(turns: Tensor, parts: Parts, weight: Tensor) -> Tensor:
    """Each block of outputs turned, and made longer where the file says so, less what it was."""
    if turns.ndim != 3 or turns.shape[0] * turns.shape[1] != len(weight):
        raise ValueError("another number of outputs")
    rows = weight.reshape(*turns.shape[:2], -1)
    turned = turns.transpose(1, 2) @ rows
    return _rescaled(turned.flatten(0, 1), parts).reshape(weight.shape) - weight


def _in_stages(turns: Tensor, parts: Parts, weight: Tensor) -> Tensor:
    """Blocks turned in stages; in each, a block's first and second half come from outputs twice as far apart.

    Args:
        turns: stages x blocks x size x size.
    """
    _, number, size, _ = turns.shape
    if number * size != len(weight):
        raise ValueError("another number of outputs")
    rows = weight.flatten(1)
    for stage, turn in enumerate(turns):
        apart = 2**stage * size // 2
        paired = rows.reshape(-1, 2, apart, rows.shape[1]).transpose(1, 2).reshape(number, size, -1)
        rows = (turn @ paired).reshape(-1, apart, 2, rows.shape[1]).transpose(1, 2).reshape(rows.shape)
    return _rescaled(rows, parts).reshape(weight.shape) - weight


def _rescaled(rows: Tensor, parts: Parts) -> Tensor:
    """Outputs made longer where the file says so."""
    return rows * parts["rescale"].reshape(-1, 1) if "rescale" in parts else rows


def _whole(name: str) -> Callable[[Parts, Tensor, int | None], Tensor]:
    return lambda parts, weight, rank: parts[name].clone()


def _latents_only(parts: Parts, weight: Tensor) -> Tensor:
    """The weights that the change is of: all, or those on the latents where it was made for nothing else."""
    if weight.ndim != 4 or weight.shape[1] <= LATENTS:
        return weight
    inputs = next((parts[name].shape[1] for name in ("down", "diff") if name in parts and parts[name].ndim == 4), None)
    return weight[:, :LATENTS] if inputs == LATENTS else weight


def _is_plain(parts: Parts) -> bool:
    """Whether the change is a product and nothing more."""
    return "up" in parts and not {*LENGTHS, "bias_indices"} & parts.keys()


def _fitted(change: Tensor, seen: Tensor, weight: Tensor) -> Tensor:
    """The change in the shape of the weight.

    Raises:
        ValueError: if it has another number of outputs.
        RuntimeError: if it has another number of elements.
    """
    if change.shape[:1] != weight.shape[:1]:
        raise ValueError("another number of outputs")
    return _beside_zeros(change.reshape(seen.shape), weight)


def _beside_zeros(change: Tensor, weight: Tensor) -> Tensor:
    """The change with zeros for the inputs it was not made for."""
    if change.shape == weight.shape:
        return change
    return torch.cat([change, torch.zeros_like(weight[:, change.shape[1] :])], dim=1)


def _with_scattered(change: Tensor, parts: Parts) -> Tensor:
    """The change with the single weights added that some files list one by one."""
    if "bias_indices" not in parts or "bias_values" not in parts:
        return change
    places, values = parts["bias_indices"].long(), parts["bias_values"].float()
    whole = change if len(places) == change.ndim else change.flatten(1)
    return whole.index_put(tuple(places), values, accumulate=True).reshape(change.shape)


def _decomposed(change: Tensor, weight: Tensor, parts: Parts) -> Tensor:
    """The change that gives W + Δ the lengths stored for its outputs, or in older files for its inputs."""
    lengths = next((parts[name].float() for name in LENGTHS if name in parts), None)
    if lengths is None:
        return change
    by_input = "dora_scale" in parts and lengths.ndim > 1 and len(lengths) == 1
    sides = [1] * weight.ndim
    sides[by_input] = -1
    others = [side for side in range(weight.ndim) if side != by_input]
    changed = weight + change
    length: Tensor = torch.linalg.vector_norm(changed, dim=others, keepdim=True)
    return changed * (lengths.reshape(sides) / length) - weight


def _float(tensor: Tensor) -> Tensor:
    return tensor.float() if tensor.is_floating_point() else tensor


def _shape(tensor: Tensor) -> str:
    return " x ".join(map(str, tensor.shape)) or "one number"


RANKED = ("down", "hada_w1_b", "lokr_w2_b", "lokr_w1_b", "b1")  # parts with as many rows as the layer has ranks
LATENTS = 4  # channels that a UNet is given besides those of a mask and a masked picture
LENGTHS = ("dora_scale", "magnitude")
BIASES = frozenset({"diff_b", "b_norm"})
SCALARS = frozenset({"alpha", "scale", "on_input"})
FAMILIES = (
    Family("LoRA", frozenset({"up", "down"}), _lora),
    Family("LoHa", frozenset({"hada_w1_a", "hada_w1_b", "hada_w2_a", "hada_w2_b"}), _loha),
    *(
        Family("LoKr", frozenset(signs), _lokr)
        for signs in (
            {"lokr_w1", "lokr_w2"},
            {"lokr_w1", "lokr_w2_a", "lokr_w2_b"},
            {"lokr_w1_a", "lokr_w1_b", "lokr_w2"},
            {"lokr_w1_a", "lokr_w1_b", "lokr_w2_a", "lokr_w2_b"},
        )
    ),
    Family("GLoRA", frozenset({"a1", "a2", "b1", "b2"}), _glora),
    Family("OFT", frozenset({"oft_blocks"}), _oft),
    Family("OFT", frozenset({"oft_diag"}), _oft_of_turns),
    Family("full", frozenset({"diff"}), _whole("diff")),
    Family("norm", frozenset({"w_norm"}), _whole("w_norm")),
    Family("IA3", frozenset({"weight", "on_input"}), _ia3),
)
