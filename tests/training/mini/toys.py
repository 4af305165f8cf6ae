"""A model folder of toy size with random weights."""

import shutil
from pathlib import Path

import torch
from diffusers import DPMSolverMultistepScheduler, UNet2DConditionModel
from transformers import CLIPTextConfig, CLIPTextModel

from diffusion.models.autoencoder import PatchAutoencoder

TOKENIZER = Path(__file__).parents[3] / "models" / "mini" / "tokenizer"


def write_toy_model(folder: Path) -> Path:
    """All parts a MiniModel loads: 4 latent channels, one cell for 16 x 16 pixels."""
    torch.manual_seed(1)
    PatchAutoencoder(4, (8, 8, 8, 8, 8)).save_pretrained(folder / "vae")
    unet = UNet2DConditionModel(
        sample_size=16,
        in_channels=4,
        out_channels=4,
        block_out_channels=(8, 16),
        layers_per_block=1,
        norm_num_groups=4,
        attention_head_dim=8,
        cross_attention_dim=16,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
    )
    unet.save_pretrained(folder / "unet")
    text = CLIPTextConfig(
        vocab_size=1307,
        hidden_size=16,
        intermediate_size=32,
        num_hidden_layers=1,
        num_attention_heads=2,
        max_position_embeddings=48,
        bos_token_id=1305,
        eos_token_id=1306,
        pad_token_id=1306,
    )
    CLIPTextModel(text).save_pretrained(folder / "text_encoder")
    scheduler = DPMSolverMultistepScheduler(
        beta_start=0.00085,
        beta_end=0.012,
        beta_schedule="scaled_linear",
        prediction_type="v_prediction",
        timestep_spacing="trailing",
    )
    scheduler.save_pretrained(folder / "scheduler")
    shutil.copytree(TOKENIZER, folder / "tokenizer")
    return folder
