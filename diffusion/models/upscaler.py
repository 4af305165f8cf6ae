"""Networks that enlarge pictures: ESRGAN, Real-ESRGAN, SwinIR and all that spandrel knows, from one file each."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from core.devices import ModelPool, chosen_device, chosen_dtype
from core.errors import BrokenPicture, MissingLibrary, WeightsError
from core.image import Image, Size, to_float, to_image
from diffusion.models.weights_file import PICKLES, open_weights, unpickled
from diffusion.tiles import Tiles
from diffusion.upscalers import TileRules

KIND = "upscaler"
MOST_TIMES = 16  # that a network may enlarge by
FURTHEST_INDEX = 64  # numbers in names of layers may go so far beyond how many tensors there are
LONGEST_NAME = 200  # characters of a tensor's


@dataclass(frozen=True, slots=True, eq=False)
class UpscalingNetwork:
    """One network, ready to enlarge."""

    name: str
    times: int  # how often as large its pictures are; 1 for one that only cleans
    call: Callable[[Tensor], Tensor]  # 1 x 3 x H x W, 0..1, in float32 on the processor; of any size
    is_tiled: bool = True  # whether it may see a picture in parts

    def enlarged(self, image: Image, tiles: TileRules) -> Image:
        """The picture `times` as large; uint8, H x W x 3, RGB.

        Raises:
            BrokenPicture: if the network gives numbers that are not finite.
        """
        whole = Size.of(image)
        side = Size(tiles.side, tiles.side) if tiles.side and self.is_tiled else whole
        grid = Tiles.of(whole, side, min(tiles.overlap, *(part - 1 for part in side)) if side != whole else 0)
        return grid.joined(map(self._part, grid.cut(image)), self.times)

    def _part(self, image: Image) -> Image:
        pixels = torch.from_numpy(to_float(image)).permute(2, 0, 1).unsqueeze(0)
        found = self.call(pixels)[0]
        if not found.isfinite().all():
            raise BrokenPicture("the upscaler gave numbers that are not finite", where=self.name)
        return to_image(found.permute(1, 2, 0).numpy())


def upscaling_network(path: Path, pool: ModelPool) -> UpscalingNetwork:
    """The network in a file, loaded the first time it is asked for.

    Raises:
        WeightsError: for a file that is missing, damaged, dangerous, or no network that enlarges pictures.
        MissingLibrary: where spandrel is not installed.
    """
    changed = path.stat().st_mtime_ns if path.is_file() else 0
    return pool.get(KIND, str(path), changed, lambda: load_upscaler(path))


def load_upscaler(path: Path) -> UpscalingNetwork:
    """The network in a file, on the device; see `upscaling_network`."""
    found, spandrel = described(path, "upscaling by a network", "upscaler", "ESRGAN, Real-ESRGAN, SwinIR, HAT, DAT")
    is_fit = isinstance(found, spandrel.ImageModelDescriptor) and found.purpose in ("SR", "Restoration")
    if not is_fit or (found.input_channels, found.output_channels) != (3, 3) or not 1 <= found.scale <= MOST_TIMES:
        raise WeightsError(
            f"holds {found.architecture.name} for {found.purpose}, with {found.input_channels} channels in and "
            f"{found.output_channels} out, not an upscaler of RGB pictures",
            where=str(path),
        )
    return UpscalingNetwork(path.name, found.scale, _caller(found), found.tiling is not spandrel.ModelTiling.INTERNAL)


def described(path: Path, feature: str, kind: str, known: str) -> tuple[Any, Any]:
    """What spandrel makes of a file, and spandrel.

    Args:
        path: of named tensors.
        feature: what the network is wanted for, as messages say it.
        kind: what it is called.
        known: networks that would do.

    Raises:
        WeightsError: for a file that is missing, damaged, dangerous, or nothing that spandrel knows.
        MissingLibrary: where spandrel is not installed.
    """
    try:
        import spandrel
    except (ImportError, RuntimeError) as fault:  # RuntimeError: a torchvision of another torch
        raise MissingLibrary(feature, "spandrel", "upscale") from fault
    tensors = _checked(_tensors(path), path)
    try:
        return spandrel.MAIN_REGISTRY.load(tensors), spandrel
    except Exception as fault:  # a file of another kind makes the library raise nearly anything
        reason = " ".join(str(fault).split())[:160] or type(fault).__name__
        raise WeightsError(
            f"is no {kind} that can be read ({reason})",
            where=str(path),
            way_out=f"Known are {known} and others that spandrel lists",
        ) from fault


def _caller(network: Any) -> Callable[[Tensor], Tensor]:
    """The network on its device: in half precision where device and network are made for it, else in float32."""
    device = chosen_device()
    dtype = chosen_dtype(device) if network.supports_half else torch.float32
    network.to(device=device, dtype=dtype).eval()

    def call(pixels: Tensor) -> Tensor:
        with torch.inference_mode():  # type: ignore[no-untyped-call]
            found: Tensor = network(pixels.to(device, dtype)).float().cpu()
            if dtype != torch.float32 and not found.isfinite().all():
                network.to(dtype=torch.float32)
                found = network(pixels.to(device)).float().cpu()
                network.to(dtype=dtype)
        return found

    return call


def _tensors(path: Path) -> dict[str, Any]:
    """Named tensors of a file, out of whatever its training tool wrapped them in."""
    from spandrel import canonicalize_state_dict

    if path.suffix.lower() in PICKLES:
        content = unpickled(path)
        if not isinstance(content, Mapping):
            raise WeightsError(f"a pickled {type(content).__name__} instead of named tensors", where=str(path))
        return dict(canonicalize_state_dict(dict(content)))
    file = open_weights(path)
    return dict(canonicalize_state_dict(file.read(file.shapes)))


def _checked(tensors: Mapping[str, Any], path: Path) -> dict[str, Tensor]:
    """The tensors, if a network made from them needs about as much memory as their file.

    Raises:
        WeightsError: for what is no tensor, larger than the file, numbered beyond reason, or not finite.
    """
    size, last = path.stat().st_size, 2 * len(tensors) + FURTHEST_INDEX
    for name, tensor in tensors.items():
        if not isinstance(name, str) or not isinstance(tensor, Tensor) or len(name) > LONGEST_NAME:
            raise WeightsError(
                f"holds {type(tensor).__name__} {str(name)[:80]!r} where tensors are expected", where=str(path)
            )
        if tensor.numel() * tensor.element_size() > size:
            raise WeightsError(f"the tensor {name[:80]!r} is larger than its file", where=str(path))
        if any(part.isdecimal() and int(part) > last for part in name[:LONGEST_NAME].split(".")):
            raise WeightsError(f"a layer is numbered {name[:80]!r} among {len(tensors)} tensors", where=str(path))
        if tensor.is_floating_point() and not tensor.isfinite().all():
            raise WeightsError(f"the tensor {name[:80]!r} holds numbers that are not finite", where=str(path))
    if not tensors:
        raise WeightsError("holds no tensors", where=str(path))
    return dict(tensors)
