"""Small ESRGANs in the files people have."""

import pytest
import torch
from safetensors.torch import save_file

spandrel = pytest.importorskip("spandrel")


def esrgan(times=4, filters=4):
    """The tensors of an ESRGAN that repeats each pixel: centre taps of 1 all the way, nothing in its trunk."""
    from spandrel.architectures.ESRGAN import ESRGAN

    network = ESRGAN(num_filters=filters, num_blocks=1, scale=times)
    state = {name: torch.zeros_like(tensor) for name, tensor in network.state_dict().items()}
    for name, tensor in state.items():
        if name.endswith("weight") and ".sub." not in name:
            for channel in range(min(3, *tensor.shape[:2])):
                tensor[channel, channel, 1, 1] = 1
    return state


def blurring(state):
    """The same network with a blur as its last layer, so that pixels see their neighbours."""
    last = max((name for name in state if name.endswith("weight")), key=lambda name: int(name.split(".")[1]))
    changed = torch.zeros_like(state[last])
    for channel in range(3):
        changed[channel, channel] = 1 / 9
    return {**state, last: changed}


def write(folder, name, state):
    """A file in a models folder, wrapped as its training tool does."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / name
    if path.suffix == ".safetensors":
        save_file(state, path)
    else:
        torch.save({"params_ema": state} if path.stem.startswith("RealESRGAN") else state, path)
    return path
