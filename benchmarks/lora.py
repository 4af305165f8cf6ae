"""What laying a LoRA over a model costs: `python -m benchmarks.lora`. Random weights of the size of SD 1.5's UNet."""

import hashlib
import itertools
import tempfile
import time
from pathlib import Path
from typing import Any

import torch
from accelerate import init_empty_weights
from diffusers import UNet2DConditionModel
from safetensors.torch import save_file
from torch import nn

from diffusion.models.lora import load_lora
from diffusion.models.lora_names import Layer, Target
from diffusion.models.overlay import Dose, overlaid
from diffusion.models.single_file import CONFIGS

LAYERS, RANK = 150, 32
BUDGET = 2.0  # seconds for all of it
RUNS = 3


def unet() -> Any:
    """A UNet of SD 1.5's size, float32, with random weights."""
    with init_empty_weights():
        network = UNet2DConditionModel.from_config(UNet2DConditionModel.load_config(CONFIGS / "sd1" / "unet"))
    network.to_empty(device="cpu").requires_grad_(False)
    noise = torch.randn(1 << 20, generator=torch.Generator().manual_seed(0)) / 50
    for parameter in network.parameters():
        repeated = noise.repeat(-(-parameter.numel() // len(noise)))[: parameter.numel()]
        parameter.copy_(repeated.view_as(parameter))
    return network


def adapted(network: nn.Module) -> dict[str, nn.Module]:
    """The layers that LoRAs are usually made for, the first so many."""
    ends = ("to_q", "to_k", "to_v", "to_out.0", "proj_in", "proj_out", "ff.net.0.proj", "ff.net.2")
    found = ((name, layer) for name, layer in network.named_modules() if name.endswith(ends))
    return dict(itertools.islice(found, LAYERS))


def write_lora(path: Path, layers: dict[str, nn.Module]) -> None:
    """A LoRA of half precision under kohya's names."""
    random = torch.Generator().manual_seed(1)
    state = {}
    for name, layer in layers.items():
        weight = layer.weight
        assert isinstance(weight, nn.Parameter)
        stem, (outputs, inputs, *window) = f"lora_unet_{name.replace('.', '_')}", weight.shape
        state[f"{stem}.lora_up.weight"] = torch.randn(outputs, RANK, *window, generator=random).half() / 50
        state[f"{stem}.lora_down.weight"] = torch.randn(RANK, inputs, *window, generator=random).half() / 50
        state[f"{stem}.alpha"] = torch.tensor(float(RANK))
    save_file(state, path)


def checksum(network: nn.Module) -> str:
    """Of every bit of the weights."""
    digest = hashlib.sha256()
    for parameter in network.parameters():
        digest.update(parameter.numpy().data)
    return digest.hexdigest()


def main() -> None:
    """Prints one line a part, and whether the weights are what they were."""
    network = unet()
    layers = adapted(network)
    before = checksum(network)
    places = {Layer("unet", name.replace(".", "_")): Target(layer, name, "unet") for name, layer in layers.items()}
    millions = sum(layer.weight.numel() for layer in layers.values()) / 1e6
    print(
        f"{len(layers)} layers ({millions:.0f} of {sum(p.numel() for p in network.parameters()) / 1e6:.0f} M weights),"
    )
    print(f"rank {RANK}, {torch.get_num_threads()} threads; budget {BUDGET:g} s for all")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "lora.safetensors"
        write_lora(path, layers)
        for _ in range(RUNS):
            times, used = [time.perf_counter()], time.process_time()
            changes = load_lora(path, places)
            times.append(time.perf_counter())
            overlay = overlaid(Dose(change, 0.8, None) for change in changes)
            times.append(time.perf_counter())
            with overlay.applied():
                times.append(time.perf_counter())
            times.append(time.perf_counter())
            read, worked, put, removed = (after - start for start, after in itertools.pairwise(times))
            print(f"read {read:.2f} s, worked out {worked:.2f} s, put in place {put:.4f} s, removed {removed:.4f} s,")
            computed = (time.process_time() - used) / torch.get_num_threads()
            print(f"  all {times[-1] - times[0]:.2f} s; {computed:.2f} s of computing a core")
            del overlay
    print("weights afterwards:", "equal to the bit" if checksum(network) == before else "NOT what they were")


if __name__ == "__main__":
    main()
