"""What things are, as areas of one colour each: any segmentation model of transformers in a local folder."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from core.devices import ModelPool, chosen_device
from core.errors import BrokenPicture, WeightsError
from core.hashing import file_fingerprint, fingerprint
from core.image import Image
from core.weights import local_path
from diffusion.controls import Control, Given
from diffusion.controls._annotator import aux
from diffusion.hints import Hint


@dataclass(frozen=True, slots=True)
class Options:
    """Who sees the areas."""

    model: str = ""  # folder of a model trained on ADE20K (UPerNet, SegFormer, DPT, BEiT ...), as transformers saves it


@dataclass(frozen=True, slots=True)
class Segmentation:
    """Each pixel in the colour that the network's training gave its most likely class."""

    network: Any  # transformers model for semantic segmentation, on its device
    processor: Any
    colours: NDArray[np.uint8]  # one RGB a class
    identity: str

    def hint(self, given: Given) -> Hint:
        """Few colours, sharply bounded.

        Raises:
            BrokenPicture: if the network gives NaN.
        """
        return Hint(self._areas(given.image))

    def _areas(self, image: Image) -> Image:
        import torch

        seen = self.processor(images=image, return_tensors="pt", input_data_format="channels_last")["pixel_values"]
        with torch.inference_mode():
            scores = self.network(pixel_values=seen.to(self.network.device)).logits[0].float().cpu()
        if not torch.isfinite(scores).all():
            raise BrokenPicture("the segmentation model gave NaN")
        classes = scores.argmax(0).numpy().astype(np.uint8)
        whole = cv2.resize(classes, (image.shape[1], image.shape[0]), interpolation=cv2.INTER_NEAREST_EXACT)
        return np.ascontiguousarray(self.colours[whole])


def build(options: Options, pool: ModelPool) -> Control:
    """The control with its network loaded.

    Raises:
        WeightsError: if there is no such model, or it segments into more classes than there are colours.
    """
    if not options.model:
        raise WeightsError(
            "the control segmentation needs weights",
            way_out="Give its option model: the folder of a transformers model trained on ADE20K",
        )
    folder = local_path(options.model, purpose="segmentation model")
    return pool.get("control", "segmentation", str(folder), lambda: _loaded(folder))


def _loaded(folder: Path) -> Segmentation:
    """The network from a local folder; nothing is asked for over the network, no code in the folder is run."""
    from safetensors import SafetensorError
    from transformers import AutoImageProcessor, AutoModelForSemanticSegmentation

    local = {"local_files_only": True, "trust_remote_code": False}
    faults = (OSError, ValueError, LookupError, TypeError, AttributeError, RuntimeError, ImportError, SafetensorError)
    try:
        processor = AutoImageProcessor.from_pretrained(folder, backend="pil", **local)
        network, report = AutoModelForSemanticSegmentation.from_pretrained(
            folder, dtype="float32", output_loading_info=True, **local
        )
    except faults as fault:
        reason = str(fault).strip().partition("\n")[0]
        raise WeightsError(f"no segmentation model can be loaded ({reason})", where=str(folder)) from fault
    if missing := [key for key in report["missing_keys"] if "num_batches_tracked" not in key]:
        raise WeightsError(f"{len(missing)} weights are missing ({missing[0]})", where=str(folder))
    colours = np.array(aux("segmentation").util.ade_palette(), np.uint8)
    if network.config.num_labels > len(colours):
        raise WeightsError(
            f"the model tells {network.config.num_labels} classes apart, ADE20K has {len(colours)} colours",
            where=str(folder),
            way_out="Give a model trained on ADE20K",
        )
    files = sorted(file for pattern in ("*.json", "*.safetensors", "*.bin") for file in folder.glob(pattern))
    identity = fingerprint("segmentation", [file_fingerprint(file) for file in files])
    return Segmentation(network.eval().to(chosen_device()), processor, colours, identity)
