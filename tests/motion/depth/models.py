"""Depth models at toy size with random weights, in folders like those on the hub."""

import json
from pathlib import Path
from typing import Any

import torch

HALF = [0.5, 0.5, 0.5]
NECK = {"neck_hidden_sizes": [8, 8, 8, 8], "fusion_hidden_size": 8}
BODY = {"hidden_size": 16, "num_hidden_layers": 4, "num_attention_heads": 2, "intermediate_size": 32}
STAGES = ["stage1", "stage2", "stage3", "stage4"]


def write_dpt(folder: Path) -> Path:
    """DPT / MiDaS: relative inverse depth, squares only."""
    from transformers import DPTConfig, DPTForDepthEstimation

    config = DPTConfig(**BODY, **NECK, image_size=32, patch_size=8, is_hybrid=False, backbone_out_indices=[0, 1, 2, 3])
    processor = {"feature_extractor_type": "DPTFeatureExtractor", "size": 32}
    return _written(folder, DPTForDepthEstimation, config, processor)


def write_depth_anything(folder: Path, kind: str = "relative") -> Path:
    """Depth Anything: relative inverse depth, or metres up to 20."""
    from transformers import DepthAnythingConfig, DepthAnythingForDepthEstimation, Dinov2Config

    backbone = Dinov2Config(**BODY, image_size=42, patch_size=14, out_features=STAGES, reshape_hidden_states=False)
    config = DepthAnythingConfig(
        backbone_config=backbone,
        reassemble_hidden_size=16,
        **NECK,
        head_hidden_size=8,
        patch_size=14,
        depth_estimation_type=kind,
        max_depth=20 if kind == "metric" else 1,
    )
    processor = {
        "image_processor_type": "DPTImageProcessor",
        "size": {"height": 42, "width": 42},
        "keep_aspect_ratio": True,
        "ensure_multiple_of": 14,
        "do_pad": False,
    }
    return _written(folder, DepthAnythingForDepthEstimation, config, processor, 0.15 if kind == "metric" else 0.3)


def write_zoedepth(folder: Path) -> Path:
    """ZoeDepth: metres up to 10."""
    from transformers import BeitConfig, ZoeDepthConfig, ZoeDepthForDepthEstimation

    backbone = BeitConfig(
        **BODY,
        image_size=32,
        patch_size=16,
        use_relative_position_bias=True,
        reshape_hidden_states=False,
        out_features=STAGES,
    )
    config = ZoeDepthConfig(
        backbone_config=backbone,
        **NECK,
        bottleneck_features=8,
        num_relative_features=8,
        bin_embedding_dim=8,
        num_attractors=[4, 2, 2, 1],
        bin_configurations=[{"n_bins": 8, "min_depth": 0.001, "max_depth": 10.0, "name": "nyu"}],
    )
    processor = {
        "image_processor_type": "ZoeDepthImageProcessor",
        "size": {"height": 32, "width": 32},
        "keep_aspect_ratio": True,
        "ensure_multiple_of": 32,
        "do_pad": True,
    }
    return _written(folder, ZoeDepthForDepthEstimation, config, processor, 0.15)


def _written(folder: Path, kind: Any, config: Any, processor: dict[str, Any], spread: float = 0.3) -> Path:
    """Weights spread widely enough that pictures make a difference, and not so widely that outputs saturate."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        network = kind(config).eval()
        for weight in network.parameters():
            torch.nn.init.normal_(weight, std=spread)
    network.save_pretrained(folder)
    shared = {"do_resize": True, "do_normalize": True, "image_mean": HALF, "image_std": HALF, "resample": 2}
    (folder / "preprocessor_config.json").write_text(json.dumps({**shared, **processor}))
    return folder
