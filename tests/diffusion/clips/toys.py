"""A toy model with a toy motion module, and orders of clips."""

from diffusers import MotionAdapter
from torch import nn, randn

from core.image import Size
from diffusion.clips.order import ClipFrame, ClipOrder
from diffusion.clips.windows import WindowRules
from diffusion.request import ImageRequest, Sampling

SIZE = Size(32, 32)


def write_module(folder, unet, *, positions=8, middle=True, strength=0.3):
    """A motion module that fits a UNet, with all parts at work."""
    import torch

    torch.manual_seed(7)
    adapter = MotionAdapter(
        block_out_channels=tuple(unet.config.block_out_channels),
        motion_layers_per_block=unet.config.layers_per_block,
        motion_norm_num_groups=unet.config.norm_num_groups,
        motion_num_attention_heads=2,
        motion_max_seq_length=positions,
        use_motion_mid_block=middle,
    )
    for name, values in adapter.named_parameters():
        if "proj_out.weight" in name:
            nn.init.normal_(values, std=strength)
    adapter.save_pretrained(folder)
    return adapter


def frame(index, prompt=(("sea", 1.0),), negative=(("", 1.0),), sampler="DPM++ 2M", motion=1.0, doses=(), **numbers):
    sampling = Sampling(**{"steps": 3, "cfg": 3.0, "denoise": 1.0, **numbers})
    return ClipFrame(ImageRequest(prompt, "", SIZE, 100 + index, sampler, sampling), negative, motion, doses)


def order(frames=8, *, closed=True, overlap=-1, **other):
    made = [frame(index) for index in range(frames)] if isinstance(frames, int) else frames
    return ClipOrder(made, SIZE, 5, closed, WindowRules(8, overlap), **other)


def noise_picture(seed):
    import numpy as np

    return (randn(SIZE.height, SIZE.width, 3).numpy() * 0 + np.random.default_rng(seed).integers(0, 255, 3)).astype(
        np.uint8
    )
