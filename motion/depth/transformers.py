"""Any depth model of the transformers library: Depth Anything, DPT / MiDaS, ZoeDepth, GLPN."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from core.devices import ModelPool, chosen_device
from core.errors import BrokenPicture, UnknownName, UserError, WeightsError
from core.hashing import file_fingerprint, fingerprint
from core.image import DepthMap, Image, Size
from core.weights import local_path
from motion.depth._nearness import depth_of, resized, stretched

Values = Literal["auto", "inverse", "depth"]
CLOSEST = 1e-3  # metres; no model of metric depth sees anything nearer

# What `predicted_depth` is, by model type. Depth Anything says it in its configuration.
_MEANING: dict[str, Values] = {"dpt": "inverse", "zoedepth": "depth", "glpn": "depth"}

# Weights that never take part; the files of DPT do not have them.
_UNUSED = "neck.fusion_stage.layers.0.residual_layer1."


@dataclass(frozen=True, slots=True)
class Options:
    """Which model, and what its numbers mean."""

    model: str = "depth-anything/Depth-Anything-V2-Small-hf"  # a folder, or owner/name on the hub
    values: Values = (
        "auto"  # inverse: 1 / distance on a scale of its own; depth: distance; auto: as the model type has it
    )
    far: float = 100.0  # above 1; distance of the farthest point of a frame, the nearest is 1 (inverse only)
    scale: float = 1.0  # above 0; multiplies distances, to bring the nearest surfaces to about 1 (depth only)


@dataclass(frozen=True, slots=True)
class TransformersDepth:
    """Depth of each picture by itself.

    Models of inverse depth know no scale: every picture's range is put on 1 to `far`, so that depth may breathe from
    frame to frame. All run in float32: they are a small share of a frame's time, and some overflow in half precision.
    """

    network: Any  # transformers PreTrainedModel, in eval mode on its device
    processor: Any  # transformers image processor
    options: Options  # `values` is never auto
    identity: str

    def estimate(self, image: Image, frame: int) -> DepthMap:
        """float32, H x W of the image, > 0; the same picture gives the same depth.

        Args:
            image: uint8, H x W x 3, RGB.
            frame: not used.

        Raises:
            BrokenPicture: if the model gives NaN or infinity.
        """
        predicted = self._predicted(image)
        if not np.isfinite(predicted).all():
            raise BrokenPicture(f"the depth model {self.options.model!r} gave NaN", where=f"frame {frame}")
        if self.options.values == "inverse":
            nearness = stretched(predicted, 1, self.options.far)
        else:
            nearness = np.float32(1) / (np.maximum(predicted, np.float32(CLOSEST)) * np.float32(self.options.scale))
        return depth_of(resized(nearness, Size.of(image)))

    def _predicted(self, image: Image) -> NDArray[np.float32]:
        """What the network says of a picture, at its own size, without the margin ZoeDepth looks at."""
        import torch

        seen = self.processor(images=image, return_tensors="pt", input_data_format="channels_last")["pixel_values"]
        with torch.inference_mode():
            predicted = self.network(pixel_values=seen.to(self.network.device)).predicted_depth[0]
        values: NDArray[np.float32] = predicted.float().cpu().numpy()
        if self.network.config.model_type == "zoedepth" and self.processor.do_pad:
            return _without_margin(values, Size.of(image))
        return values


def build(options: Options, pool: ModelPool) -> TransformersDepth:
    """The estimator with its weights loaded.

    Raises:
        UserError: for options that mean nothing.
        WeightsError: if there is no such model, its weights are incomplete, or it is no depth model.
    """
    if options.values not in get_args(Values):
        raise UnknownName("kind of depth values", options.values, get_args(Values), where="values")
    if not 1 < options.far < np.inf:
        raise UserError(f"far {options.far:g}", where="far", way_out="Above 1, the distance of the nearest point")
    if not 0 < options.scale < np.inf:
        raise UserError(f"a scale of {options.scale:g}", where="scale", way_out="Above 0; 1 keeps distances")
    return pool.get("depth", "transformers", options, lambda: _loaded(options))


def _loaded(options: Options) -> TransformersDepth:
    """The estimator from a local folder; nothing is asked for over the network, no code in the folder is run."""
    folder = local_path(options.model, purpose="depth model")
    processor, network, missing = _opened(folder)
    if missing:
        what = f"{len(missing)} weights are missing: {', '.join(missing[:3])}"
        raise WeightsError(what, where=str(folder), way_out="Download the model again")
    options = replace(options, values=_meaning(options, network.config))
    return TransformersDepth(network.eval().to(chosen_device()), processor, options, _identity(folder, options))


def _opened(folder: Path) -> tuple[Any, Any, list[str]]:
    """Image processor, network, and the names of weights the file lacks."""
    from huggingface_hub.errors import StrictDataclassError
    from safetensors import SafetensorError
    from transformers import AutoImageProcessor, AutoModelForDepthEstimation
    from transformers.utils.logging import disable_progress_bar

    disable_progress_bar()
    local = {"local_files_only": True, "trust_remote_code": False}
    faults = (OSError, ValueError, LookupError, TypeError, AttributeError, RuntimeError, ImportError)
    try:
        # The processor that does without torchvision: the same pictures for everybody.
        processor = AutoImageProcessor.from_pretrained(folder, backend="pil", **local)
        network, report = AutoModelForDepthEstimation.from_pretrained(
            folder, dtype="float32", output_loading_info=True, **local
        )
    except (*faults, SafetensorError, StrictDataclassError) as fault:
        reason = str(fault).strip().partition("\n")[0]
        way_out = "Give a folder with config.json, preprocessor_config.json and model.safetensors of a depth model"
        raise WeightsError(f"no depth model can be loaded ({reason})", where=str(folder), way_out=way_out) from fault
    return processor, network, sorted(key for key in report["missing_keys"] if not key.startswith(_UNUSED))


def _meaning(options: Options, config: Any) -> Values:
    """What the numbers of a model mean.

    Raises:
        UserError: for a model type that does not say it, if the user does not either.
    """
    if options.values != "auto":
        return options.values
    if config.model_type == "depth_anything":
        return "depth" if config.depth_estimation_type == "metric" else "inverse"
    if config.model_type not in _MEANING:
        what = f"whether {options.model!r} ({config.model_type}) gives inverse depth or depth is not known"
        raise UserError(what, where="values", way_out="Set it to inverse or depth")
    return _MEANING[config.model_type]


def _identity(folder: Path, options: Options) -> str:
    """The content of all that is loaded, and the options."""
    files = sorted(file for pattern in ("*.json", "*.safetensors", "*.bin") for file in folder.glob(pattern))
    return fingerprint("transformers", replace(options, model=""), [file_fingerprint(file) for file in files])


def _without_margin(predicted: NDArray[np.float32], size: Size) -> NDArray[np.float32]:
    """A prediction without the mirrored margin that ZoeDepth's processor adds, at the size of the picture.

    Source: transformers, ZoeDepthImageProcessor (Apache-2.0): the margin is int(3 * sqrt(side / 2)) pixels.
    """
    left, top = (int(3 * np.sqrt(side / 2)) for side in size)
    whole = resized(predicted, Size(size.width + 2 * left, size.height + 2 * top))
    return whole[top : top + size.height, left : left + size.width]
