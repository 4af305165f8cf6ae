"""Hypernetworks: small networks that change what attention makes its keys and values from."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from core.errors import UnknownName, WeightsError
from diffusion.models.family import NAMES, TEXT_WIDTHS
from diffusion.models.networks import is_finite
from diffusion.models.weights_file import unpickled

ACTIVATIONS: dict[str, type[nn.Module]] = {
    "linear": nn.Identity,
    "relu": nn.ReLU,
    "leakyrelu": nn.LeakyReLU,
    "elu": nn.ELU,
    "swish": nn.Hardswish,
    "hardswish": nn.Hardswish,
    "tanh": nn.Tanh,
    "sigmoid": nn.Sigmoid,
    "gelu": nn.GELU,
    "silu": nn.SiLU,
    "mish": nn.Mish,
    "selu": nn.SELU,
    "celu": nn.CELU,
    "relu6": nn.ReLU6,
    "rrelu": nn.RReLU,
    "softplus": nn.Softplus,
    "softsign": nn.Softsign,
    "tanhshrink": nn.Tanhshrink,
    "hardtanh": nn.Hardtanh,
    "hardsigmoid": nn.Hardsigmoid,
    "logsigmoid": nn.LogSigmoid,
    "softshrink": nn.Softshrink,
    "hardshrink": nn.Hardshrink,
}
MOST_LAYERS = 64  # of one of its networks
OLD_NAMES = {"linear1": "linear.0", "linear2": "linear.1"}


@dataclass(frozen=True, slots=True)
class Hypernetwork:
    """One file: for each width of context the network for keys and the one for values."""

    path: Path
    pairs: Mapping[int, tuple[nn.Module, nn.Module]]  # float32, in eval mode


def load_hypernetwork(path: Path) -> Hypernetwork:
    """A hypernetwork of the web UI (.pt).

    Raises:
        WeightsError: for a file that is missing, damaged, dangerous or no hypernetwork.
    """
    content = unpickled(path)
    try:
        pairs = _pairs(content)
    except (WeightsError, UnknownName) as fault:
        raise WeightsError(fault.what, where=str(path), way_out=fault.way_out) from fault
    return Hypernetwork(path, pairs)


def check_fit(found: Hypernetwork, unet: Any) -> None:
    """Makes sure that a hypernetwork is made for UNets such as this one.

    Raises:
        WeightsError: if it is for another family, or nothing of it would act.
    """
    own = unet.config.cross_attention_dim
    others = [width for width in found.pairs if width in TEXT_WIDTHS and width != own]
    acting = {layer.in_features for layer, _ in _projections(unet)} & found.pairs.keys()
    if not acting or (others and own not in found.pairs):
        made_for = NAMES[TEXT_WIDTHS[others[0]]] if others else "another family"
        raise WeightsError(
            f"does not fit this model (it is made for contexts {', '.join(map(str, sorted(found.pairs)))} wide, the "
            f"model's text is {own} wide); it is made for {made_for}",
            where=str(found.path),
            way_out="Use it with a model of the family it was trained on",
        )


@contextmanager
def attended(unet: nn.Module, doses: Sequence[tuple[Hypernetwork, float]]) -> Iterator[None]:
    """While open, attention makes keys and values from context + multiplier · network(context); several in a row.

    Source: the web UI's hypernetworks; self-attention counts too, its context being the picture itself.
    """
    handles = [
        layer.register_forward_pre_hook(partial(_changed, network=found.pairs[layer.in_features][side], dose=dose))
        for layer, side in _projections(unet)
        for found, dose in doses
        if layer.in_features in found.pairs
    ]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def _projections(unet: nn.Module) -> Iterator[tuple[nn.Linear, int]]:
    """The layers that make keys (0) and values (1) of all attention."""
    for module in unet.modules():
        for side, name in enumerate(("to_k", "to_v")):
            layer = getattr(module, name, None)
            if isinstance(layer, nn.Linear):
                yield layer, side


def _changed(_layer: nn.Module, inputs: tuple[Any, ...], *, network: nn.Module, dose: float) -> tuple[Any, ...]:
    context, *others = inputs
    change = network.to(context.device)(context.float())
    return ((context.float() + dose * change).to(context.dtype), *others)


def _pairs(content: Any) -> dict[int, tuple[nn.Module, nn.Module]]:
    """The networks by width.

    Raises:
        WeightsError: if there are none, or they are not as wide as their context.
        UnknownName: for an activation that is not known.
    """
    entries = content if isinstance(content, Mapping) else {}
    sides = {
        width: states
        for width, states in entries.items()
        if isinstance(width, int) and isinstance(states, list | tuple) and len(states) == 2
    }
    if not sides:
        raise WeightsError(
            f"holds no hypernetwork (a {type(content).__name__} of {', '.join(map(str, entries))[:80] or 'nothing'})",
            way_out="Give a .pt file of the web UI, with a pair of networks for each width",
        )
    name = str(entries.get("activation_func") or "linear").lower()
    if name not in ACTIVATIONS:
        raise UnknownName("activation", name[:40], tuple(ACTIVATIONS))
    ends_active = bool(entries.get("activate_output", True))
    return {
        width: (
            _network(states[0], width, ACTIVATIONS[name], ends_active=ends_active),
            _network(states[1], width, ACTIVATIONS[name], ends_active=ends_active),
        )
        for width, states in sides.items()
    }


def _network(state: Any, width: int, activation: type[nn.Module], *, ends_active: bool) -> nn.Module:
    """Linear layers with the activation behind each but perhaps the last, and norms where the file has some.

    The numbers in the names count layers without weights too, and are used for their order only.
    """
    if not isinstance(state, Mapping) or not all(isinstance(tensor, Tensor) for tensor in state.values()):
        raise WeightsError(f"its network for width {width} is no set of tensors")
    weights = _in_order(state)
    linear = [number for number, (weight, _) in enumerate(weights) if weight.ndim == 2]
    layers: list[nn.Module] = []
    for number, (weight, bias) in enumerate(weights):
        layers.append(_layer(weight, bias))
        if weight.ndim == 2 and (number != linear[-1] or ends_active):
            layers.append(activation())
    sizes = [weights[number][0].shape for number in linear]
    ends = [(width, width)] if not sizes else [(width, sizes[0][1]), (sizes[-1][0], width)]
    if not sizes or any(a != b for a, b in ends) or any(a[0] != b[1] for a, b in pairwise(sizes)):
        raise WeightsError(f"its layers for width {width} do not fit together: {[tuple(size) for size in sizes]}")
    return nn.Sequential(*layers).eval().requires_grad_(False)


def _in_order(state: Mapping[str, Tensor]) -> list[tuple[Tensor, Tensor]]:
    """Weight and bias of each layer, first layer first."""
    found: dict[int, dict[str, Tensor]] = {}
    for key, tensor in state.items():
        layer, _, kind = str(key).rpartition(".")
        number = OLD_NAMES.get(layer, layer).removeprefix("linear.")
        if not number.isdigit() or kind not in ("weight", "bias"):
            raise WeightsError(f"a tensor {str(key)[:60]!r} that no hypernetwork has")
        found.setdefault(int(number), {})[kind] = tensor
    if len(found) > MOST_LAYERS or any(set(parts) != {"weight", "bias"} for parts in found.values()):
        raise WeightsError(f"{len(found)} layers, or some without weight or bias")
    return [(found[number]["weight"], found[number]["bias"]) for number in sorted(found)]


def _layer(weight: Tensor, bias: Tensor) -> nn.Module:
    """A linear layer, or a layer norm, with these numbers."""
    if weight.ndim not in (1, 2) or bias.shape != weight.shape[:1] or not weight.numel():
        raise WeightsError(f"a layer of shapes {tuple(weight.shape)} and {tuple(bias.shape)}")
    if not is_finite(weight) or not is_finite(bias):
        raise WeightsError("NaN or infinity in its weights", way_out="The file is damaged")
    layer: nn.Linear | nn.LayerNorm
    if weight.ndim == 2:
        layer = nn.Linear(weight.shape[1], weight.shape[0], device="meta")
    else:
        layer = nn.LayerNorm(len(weight), device="meta")
    layer.load_state_dict({"weight": weight.float(), "bias": bias.float()}, assign=True)
    return layer
