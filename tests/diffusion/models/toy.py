"""Stable Diffusion models of the right classes at toy size, as folders and in the original single-file naming."""

import re
from pathlib import Path

import torch
from diffusers import (
    AutoencoderKL,
    DDIMScheduler,
    StableDiffusionPipeline,
    StableDiffusionXLImg2ImgPipeline,
    StableDiffusionXLPipeline,
    UNet2DConditionModel,
)
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection, CLIPTokenizer

from core.weights import EMBEDDED

FAMILIES = ("sd1", "sd2", "sdxl")
LAYERS = 1  # resnets in a block of the toy UNet and autoencoder
BLOCKS = 2
WIDTH = 16  # of text encoders


def toy_refiner():
    """An SDXL refiner, whose UNet is told one number less and whose only text encoder is the second."""
    torch.manual_seed(77)
    pipeline = toy_pipeline("sdxl")
    return StableDiffusionXLImg2ImgPipeline(
        vae=pipeline.vae,
        text_encoder=None,
        text_encoder_2=pipeline.text_encoder_2,
        tokenizer=None,
        tokenizer_2=pipeline.tokenizer_2,
        unet=toy_unet("sdxl", told=5, cross_attention_dim=WIDTH),
        scheduler=pipeline.scheduler,
        requires_aesthetics_score=True,
    )


def toy_pipeline(family: str, prediction: str = "epsilon"):
    """A stock pipeline with random weights, always the same for a family, and mini's tokenizer, which loads fast."""
    torch.manual_seed(len(family))
    tokenizer = CLIPTokenizer.from_pretrained(EMBEDDED / "mini" / "tokenizer")
    parts = {
        "unet": toy_unet(family),
        "vae": toy_vae(),
        "text_encoder": text_encoder(CLIPTextModel, "gelu" if family == "sd2" else "quick_gelu"),
        "tokenizer": tokenizer,
        "scheduler": DDIMScheduler(
            beta_start=0.00085,
            beta_end=0.012,
            beta_schedule="scaled_linear",
            clip_sample=False,
            set_alpha_to_one=False,
            steps_offset=1,
            prediction_type=prediction,
        ),
    }
    if family == "sdxl":
        return StableDiffusionXLPipeline(
            **parts,
            text_encoder_2=text_encoder(CLIPTextModelWithProjection, "gelu"),
            tokenizer_2=tokenizer,
        )
    return StableDiffusionPipeline(**parts, safety_checker=None, feature_extractor=None, requires_safety_checker=False)


def toy_unet(family: str, *, told: int = 6, **changes) -> UNet2DConditionModel:
    down, up = ("DownBlock2D", "CrossAttnDownBlock2D"), ("CrossAttnUpBlock2D", "UpBlock2D")
    xl = {
        "addition_embed_type": "text_time",
        "addition_time_embed_dim": 8,
        "projection_class_embeddings_input_dim": told * 8 + WIDTH,
        "transformer_layers_per_block": [1, 2],
    }
    settings = {
        "sample_size": 8,
        "block_out_channels": (16, 32),
        "layers_per_block": LAYERS,
        "down_block_types": down if family == "sdxl" else ("CrossAttnDownBlock2D", "DownBlock2D"),
        "up_block_types": up if family == "sdxl" else ("UpBlock2D", "CrossAttnUpBlock2D"),
        "cross_attention_dim": 2 * WIDTH if family == "sdxl" else WIDTH,
        "attention_head_dim": 4,
        "norm_num_groups": 4,
        "use_linear_projection": family != "sd1",
        **(xl if family == "sdxl" else {}),
    }
    return UNet2DConditionModel(**(settings | changes)).eval()


def toy_vae() -> AutoencoderKL:
    return AutoencoderKL(
        block_out_channels=(8, 16),
        down_block_types=("DownEncoderBlock2D",) * BLOCKS,
        up_block_types=("UpDecoderBlock2D",) * BLOCKS,
        layers_per_block=LAYERS,
        latent_channels=4,
        norm_num_groups=4,
        sample_size=16,
    ).eval()


def text_encoder(kind, activation: str):
    config = CLIPTextConfig(
        hidden_size=WIDTH,
        intermediate_size=2 * WIDTH,
        num_hidden_layers=2,
        num_attention_heads=2,
        projection_dim=WIDTH,
        hidden_act=activation,
        vocab_size=49408,
        bos_token_id=49406,
        eos_token_id=49407,
    )
    return kind(config).eval()


def save_configs(pipeline, family: str, folder: Path) -> None:
    """The settings alone, as `configs/` has them for the public sizes."""
    home = folder / family
    for name in ("unet", "vae", "scheduler"):
        getattr(pipeline, name).save_config(home / name)
    for name in ("text_encoder", "text_encoder_2"):
        if getattr(pipeline, name, None) is not None:
            getattr(pipeline, name).config.save_pretrained(home / name)
            settings = home / name / "config.json"
            kind = type(getattr(pipeline, name)).__name__
            settings.write_text(settings.read_text().replace("{", f'{{"architectures": ["{kind}"],', 1))


def original_state(pipeline, family: str) -> dict[str, torch.Tensor]:
    """All tensors under the names of the original code bases."""
    unet, vae = pipeline.unet.state_dict(), pipeline.vae.state_dict()
    state = {f"model.diffusion_model.{unet_name(key, unet)}": tensor for key, tensor in unet.items()}
    state |= {f"first_stage_model.{vae_name(key)}": vae_tensor(key, tensor) for key, tensor in vae.items()}
    first = {} if pipeline.text_encoder is None else pipeline.text_encoder.state_dict()
    clip = {f"text_model.{k.removeprefix('text_model.')}": v for k, v in first.items()}
    if family == "sd1":
        return state | {f"cond_stage_model.transformer.{k}": v for k, v in clip.items()}
    if family == "sd2":
        return state | dict(open_clip(clip, "cond_stage_model.model.", spare_layer=True))
    if family == "refiner":
        return state | dict(open_clip(pipeline.text_encoder_2.state_dict(), "conditioner.embedders.0.model."))
    state |= {f"conditioner.embedders.0.transformer.{k}": v for k, v in clip.items()}
    return state | dict(open_clip(pipeline.text_encoder_2.state_dict(), "conditioner.embedders.1.model."))


def unet_name(name: str, all_names) -> str:
    fixed = {
        "conv_in": "input_blocks.0.0",
        "time_embedding.linear_1": "time_embed.0",
        "time_embedding.linear_2": "time_embed.2",
        "add_embedding.linear_1": "label_emb.0.0",
        "add_embedding.linear_2": "label_emb.0.2",
        "conv_norm_out": "out.0",
        "conv_out": "out.2",
        "mid_block.attentions.0": "middle_block.1",
    }
    for ours, original in fixed.items():
        if name.startswith(f"{ours}."):
            return original + name.removeprefix(ours)
    if name.startswith("mid_block.resnets."):
        number, rest = name.removeprefix("mid_block.resnets.").split(".", 1)
        return f"middle_block.{2 * int(number)}.{resnet_name(rest)}"
    side, block, kind, number, rest = re.fullmatch(r"(down|up)_blocks\.(\d+)\.(\w+)\.(\d+)\.(.+)", name).groups()
    block, number = int(block), int(number)
    if kind == "downsamplers":
        return f"input_blocks.{(block + 1) * (LAYERS + 1)}.0.op.{rest.removeprefix('conv.')}"
    if kind == "upsamplers":
        attends = any(key.startswith(f"up_blocks.{block}.attentions.") for key in all_names)
        return f"output_blocks.{block * (LAYERS + 1) + LAYERS}.{2 if attends else 1}.{rest}"
    row = block * (LAYERS + 1) + number + (1 if side == "down" else 0)
    row_name = f"{'input' if side == 'down' else 'output'}_blocks.{row}"
    return f"{row_name}.0.{resnet_name(rest)}" if kind == "resnets" else f"{row_name}.1.{rest}"


def resnet_name(name: str) -> str:
    layers = {
        "norm1": "in_layers.0",
        "conv1": "in_layers.2",
        "time_emb_proj": "emb_layers.1",
        "norm2": "out_layers.0",
        "conv2": "out_layers.3",
        "conv_shortcut": "skip_connection",
    }
    layer, kind = name.split(".")
    return f"{layers[layer]}.{kind}"


def vae_name(name: str) -> str:
    name = re.sub(r"up_blocks\.(\d)\.", lambda found: f"up.{BLOCKS - 1 - int(found[1])}.", name)
    name = re.sub(r"mid_block\.resnets\.(\d)", lambda found: f"mid.block_{int(found[1]) + 1}", name)
    for ours, original in (
        ("down_blocks.", "down."),
        ("resnets.", "block."),
        ("downsamplers.0.", "downsample."),
        ("upsamplers.0.", "upsample."),
        ("mid_block.attentions.0.", "mid.attn_1."),
        ("group_norm.", "norm."),
        ("to_q.", "q."),
        ("to_k.", "k."),
        ("to_v.", "v."),
        ("to_out.0.", "proj_out."),
        ("conv_shortcut.", "nin_shortcut."),
        ("conv_norm_out.", "norm_out."),
    ):
        name = name.replace(ours, original)
    return name


def vae_tensor(name: str, tensor: torch.Tensor) -> torch.Tensor:
    """The original autoencoder attends with 1 x 1 convolutions."""
    return tensor[:, :, None, None] if ".attentions." in name and tensor.ndim == 2 else tensor


def open_clip(state, prefix: str, *, spare_layer: bool = False):
    """A transformers CLIP under OpenCLIP's names; with a last layer that SD 2 does not use."""
    places = {
        "text_model.embeddings.position_embedding.weight": "positional_embedding",
        "text_model.embeddings.token_embedding.weight": "token_embedding.weight",
        "text_model.final_layer_norm.weight": "ln_final.weight",
        "text_model.final_layer_norm.bias": "ln_final.bias",
    }
    yield f"{prefix}text_projection", state.get("text_projection.weight", torch.eye(WIDTH)).T.contiguous()
    for key, tensor in state.items():
        if key in places:
            yield prefix + places[key], tensor
    layers = len({key.split(".")[3] for key in state if ".layers." in key})
    for layer in range(layers + spare_layer):
        source = f"text_model.encoder.layers.{min(layer, layers - 1)}."
        target = f"{prefix}transformer.resblocks.{layer}."
        for kind in ("weight", "bias"):
            parts = [state[f"{source}self_attn.{part}_proj.{kind}"] for part in "qkv"]
            yield f"{target}attn.in_proj_{kind}", torch.cat(parts)
            for ours, original in (
                ("self_attn.out_proj", "attn.out_proj"),
                ("layer_norm1", "ln_1"),
                ("layer_norm2", "ln_2"),
                ("mlp.fc1", "mlp.c_fc"),
                ("mlp.fc2", "mlp.c_proj"),
            ):
                yield f"{target}{original}.{kind}", state[f"{source}{ours}.{kind}"]
