"""Seeing: where a picture shows what words say, or people; networks whose weights the user brings."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from core.devices import ModelPool, chosen_device
from core.errors import WeightsError
from core.image import Image, Mask, Size, resized, to_float
from core.weights import local_path

SIDE = 512  # pixels; what the word network looks at
MEAN = np.array((0.485, 0.456, 0.406), np.float32)  # of ImageNet
SPREAD = np.array((0.229, 0.224, 0.225), np.float32)
BELOW_ONE = 512  # pixels of the longer side that the matting network sees at most in its first look

Finder = Callable[[Image, str], Mask]  # where a picture shows what words say


def words_finder(name: str, pool: ModelPool) -> Finder:
    """Looks for words in pictures with a CLIPSeg.

    What it is sure of is cut off by Otsu's threshold, so masks are 0 or 1.

    Source: Lüddecke and Ecker, Image Segmentation Using Text and Image Prompts, CVPR 2022; Otsu, A Threshold Selection
    Method from Gray-Level Histograms, 1979.

    Args:
        name: folder or hub id of the network with its tokenizer.
        pool: keeps it.

    Raises:
        WeightsError: if there is none.
    """
    folder = local_path(name, purpose="CLIPSeg (masks by <words>)")

    def found(image: Image, words: str) -> Mask:
        network, tokenizer = pool.get("seeing", "clipseg", str(folder), lambda: _clipseg(folder))
        import torch

        looked = (to_float(resized(image, Size(SIDE, SIDE), "bicubic")) - MEAN) / SPREAD
        pixels = torch.from_numpy(looked).permute(2, 0, 1)[None].to(network.device)
        tokens = tokenizer([words], return_tensors="pt", padding=True, truncation=True).to(network.device)
        with torch.inference_mode():
            logits = network(pixel_values=pixels, **tokens, interpolate_pos_encoding=True).logits
        sure = torch.sigmoid(logits).reshape(logits.shape[-2:]).float().cpu().numpy()
        size = Size.of(image)
        levels = np.clip(cv2.resize(sure, size, interpolation=cv2.INTER_CUBIC) * 255, 0, 255).astype(np.uint8)
        _, mask = cv2.threshold(levels, 0, 1, cv2.THRESH_BINARY | cv2.THRESH_OTSU)
        return np.asarray(mask, np.float32)

    return found


def people_finder(name: str, pool: ModelPool) -> Finder:
    """Looks for people in pictures with a Robust Video Matting network, each picture by itself.

    Source: Lin et al., Robust High-Resolution Video Matting with Temporal Guidance, WACV 2022.

    Args:
        name: its TorchScript file, a path or a name in the models folders.
        pool: keeps it.

    Raises:
        WeightsError: if there is none.
    """
    file = local_path(name, purpose="matting network (masks of people)")

    def found(image: Image, _words: str) -> Mask:
        network = pool.get("seeing", "matting", str(file), lambda: _matting(file))
        import torch

        pixels = torch.from_numpy(to_float(image)).permute(2, 0, 1)[None].to(next(network.parameters()).device)
        ratio = min(1.0, BELOW_ONE / max(Size.of(image)))
        with torch.inference_mode():
            opacity = network(pixels, None, None, None, None, ratio)[1]
        return np.asarray(np.clip(opacity[0, 0].float().cpu().numpy(), 0, 1), np.float32)

    return found


def _clipseg(folder: Path) -> tuple[Any, Any]:
    """The network of a folder and its tokenizer."""
    from transformers import AutoTokenizer, CLIPSegForImageSegmentation

    try:
        network = CLIPSegForImageSegmentation.from_pretrained(folder, use_safetensors=None)
        tokenizer = AutoTokenizer.from_pretrained(folder)
    except (OSError, ValueError, KeyError) as fault:
        raise WeightsError("holds no CLIPSeg with its tokenizer", where=str(folder)) from fault
    return network.float().eval().to(chosen_device()), tokenizer


def _matting(file: Path) -> Any:
    """The network of a TorchScript file."""
    import torch

    try:
        return torch.jit.load(str(file), map_location=chosen_device()).eval()  # type: ignore[no-untyped-call]
    except (RuntimeError, ValueError, OSError) as fault:
        raise WeightsError("is no TorchScript network", where=str(file)) from fault
