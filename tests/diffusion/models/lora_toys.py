"""LoRA and LyCORIS files for the toy models, written here in the forms their tools write."""

import torch
from torch import nn

from diffusion.models.lora_names import targets

RANK = 3


def random(*shape):
    return 0.3 * torch.randn(shape)


def lora_parts(weight):
    """kohya's LoRA, or LoCon for a convolution, with an alpha that is not the rank."""
    outputs, inputs, *window = weight.shape
    ones = [1] * len(window)
    return {
        "lora_up.weight": random(outputs, RANK, *ones),
        "lora_down.weight": random(RANK, inputs, *window),
        "alpha": torch.tensor(2.0),
    }


def layers(network, *ends):
    """Linear layers and convolutions of a network whose names end so."""
    return {
        name: module
        for name, module in network.named_modules()
        if isinstance(module, nn.Linear | nn.Conv2d) and name.endswith(ends)
    }


def layers_in(model):
    """Every layer of a loaded model by the names that files have for it."""
    return targets(model.unet, [part.encoder for part in model.text])


def kohya_state(pipeline, *, parts=lora_parts, name_of=lambda name: name):
    """All attention, and some convolutions, of the UNet, and the text encoders, under kohya's names."""
    torch.manual_seed(4)
    state = {}
    for name, module in layers(pipeline.unet, "to_q", "to_v", "to_out.0", "conv1", "proj_in").items():
        stem = "lora_unet_" + name_of(name).replace(".", "_")
        state |= {f"{stem}.{part}": tensor for part, tensor in parts(module.weight).items()}
    prefixes = ("lora_te1_", "lora_te2_") if hasattr(pipeline, "text_encoder_2") else ("lora_te_",)
    for prefix, encoder in zip(
        prefixes, (pipeline.text_encoder, getattr(pipeline, "text_encoder_2", None)), strict=False
    ):
        for name, module in layers(encoder, "q_proj", "mlp.fc1").items():
            stem = f"{prefix}text_model_" + name.removeprefix("text_model.").replace(".", "_")
            state |= {f"{stem}.{part}": tensor for part, tensor in parts(module.weight).items()}
    return {key: tensor.contiguous() for key, tensor in state.items()}
