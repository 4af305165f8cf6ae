"""A LoRA out of the difference of two networks: the best one of its rank."""

import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import save_file
from torch import Tensor, nn

from core.errors import WeightsError
from diffusion.models.networks import is_finite

UNET = "lora_unet_"


@torch.no_grad()
def extracted_lora(base: nn.Module, tuned: nn.Module, rank: int, *, prefix: str = UNET) -> dict[str, Tensor]:
    """What turns `base` into `tuned`, as tensors under kohya's names; layers that are alike are left out.

    Of every linear layer and convolution the nearest difference of that rank; biases and norms as they are. Where
    two factors would be as large as the difference itself, it is kept whole.

    Args:
        base: a network of diffusers, such as a UNet.
        tuned: one of the same shape.
        rank: 1 or more.
        prefix: of the names; "lora_te_" for a text encoder.

    Returns:
        float32 on the processor; `write_lora` stores them.

    Raises:
        WeightsError: if the networks differ in their layers, or in more than finite numbers.
    """
    assert rank >= 1, rank
    others = dict(tuned.named_modules())
    found: dict[str, Tensor] = {}
    for name, layer in base.named_modules():
        other = others.get(name)
        for part, change in _changes(name, layer, other, rank):
            found[f"{prefix}{name.replace('.', '_')}.{part}"] = change.contiguous()
    if not found:
        raise WeightsError("the two networks are alike; there is nothing to extract")
    return found


def write_lora(path: Path, tensors: Mapping[str, Tensor], *, rank: int, base_model: str = "") -> None:
    """Writes a LoRA in half precision, at once or not at all.

    Args:
        path: a .safetensors file; its folder is made where it is missing.
        tensors: as `extracted_lora` gives them.
        rank: told in the header.
        base_model: what it was made for ("sd_v1", "sdxl_base_v1-0"); told in the header.

    Raises:
        WeightsError: if a number is too large for half precision, or the file cannot be written.
    """
    halves = {key: tensor.to(torch.float16) for key, tensor in tensors.items()}
    broken = [key for key, tensor in halves.items() if not is_finite(tensor)]
    if broken:
        raise WeightsError(f"{broken[0]} is too large for half precision", where=str(path))
    header = {
        "ss_output_name": path.stem,
        "ss_network_module": "networks.lora",
        "ss_network_dim": str(rank),
        "ss_network_alpha": str(rank),
        "ss_base_model_version": base_model,
    }
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=path.parent, prefix=".part-") as folder:
            save_file(halves, Path(folder) / path.name, {key: value for key, value in header.items() if value})
            (Path(folder) / path.name).replace(path)
    except (OSError, SafetensorError) as fault:
        raise WeightsError(f"cannot be written ({fault})", where=str(path)) from fault


def _changes(name: str, base: nn.Module, tuned: nn.Module | None, rank: int) -> Iterator[tuple[str, Tensor]]:
    """The parts of one layer's change."""
    own = dict(base.named_parameters(recurse=False))
    other = dict(tuned.named_parameters(recurse=False)) if tuned is not None else {}
    shapes = [{key: tensor.shape for key, tensor in parameters.items()} for parameters in (own, other)]
    if shapes[0] != shapes[1]:
        raise WeightsError(f"the networks differ in the shape of {name or 'the outermost layer'}")
    for kind, tensor in own.items():
        change = other[kind].detach().double().cpu() - tensor.detach().double().cpu()
        if not is_finite(change):
            raise WeightsError(f"{name}.{kind} is not finite in one of the networks")
        if change.any():
            yield from _parts(kind, change, is_norm=own["weight"].ndim == 1 if "weight" in own else False, rank=rank)


def _parts(kind: str, change: Tensor, *, is_norm: bool, rank: int) -> Iterator[tuple[str, Tensor]]:
    """One tensor's change as the parts of a file."""
    if kind == "bias":
        yield ("b_norm" if is_norm else "diff_b"), change.float()
    elif is_norm:
        yield "w_norm", change.float()
    elif rank * (len(change) + change[0].numel()) >= change.numel():
        yield "diff", change.float()
    else:
        up, down = (factor.float() for factor in _factors(change.flatten(1), rank))
        window = [1] * (change.ndim - 2)
        yield "lora_up.weight", up.reshape(len(change), rank, *window)
        yield "lora_down.weight", down.reshape(rank, *change.shape[1:])
        yield "alpha", torch.tensor(float(rank))


def _factors(matrix: Tensor, rank: int) -> tuple[Tensor, Tensor]:
    """The two factors, of equal size, whose product is nearest to the matrix; float64.

    Source: Eckart and Young 1936; the singular vectors of the shorter side are eigenvectors of M·Mᵀ.
    """
    if matrix.shape[0] > matrix.shape[1]:
        up, down = _factors(matrix.T, rank)
        return down.T, up.T
    values, vectors = torch.linalg.eigh(matrix @ matrix.T)
    sizes = values[-rank:].clamp(min=0).sqrt().sqrt()  # root of the singular value
    vectors = vectors[:, -rank:]
    return vectors * sizes, torch.where(sizes > 0, 1 / sizes, 0).unsqueeze(1) * (vectors.T @ matrix)
