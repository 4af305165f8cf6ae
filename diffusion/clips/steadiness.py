"""Steadiness: frames of a clip kept to one picture while it is laid out, and a loop to one pace all the way round."""

import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d


def steadied(clean: Tensor, *, closed: bool) -> Tensor:
    """Every frame as the mean of itself and the frames beside it; the ends of an open clip count twice.

    Each frame starts from noise of its own, and what is laid out from it at high noise levels may be another picture
    than its neighbours'. The mean keeps them to one.

    Args:
        clean: clean latents, frames x C x rows x columns.
        closed: whether the last frame leads to the first.
    """
    if closed:
        return (clean.roll(1, 0) + clean + clean.roll(-1, 0)) / 3
    before, after = torch.cat([clean[:1], clean[:-1]]), torch.cat([clean[1:], clean[-1:]])
    return (before + clean + after) / 3


def paced(clean: Tensor) -> Tensor:
    """A loop's frames moved along their own way round, so that all steps, the one over the seam too, are of one length.

    What drifts has to turn somewhere to come back; left to itself it dwells there and hurries elsewhere. No frame is
    special: frames turned round by any number give the same loop, turned as far. The frames are not moved in the mean.

    Args:
        clean: clean latents of a closed clip, float32, frames x C x rows x columns.
    """
    lengths = _lengths(clean)
    way = float(lengths.sum())
    if way == 0:
        return clean
    count = len(clean)
    ends = lengths.cumsum(0)
    places = ends - lengths  # where on the way each frame is
    even = torch.arange(count, dtype=torch.float64) * (way / count)
    wanted = (even + (places - even).mean()) % way
    before = torch.searchsorted(ends, wanted, right=True).clamp(max=count - 1)
    gone = ((wanted - places[before]) / lengths[before]).clamp(0, 1).float().view(-1, 1, 1, 1)
    return torch.lerp(clean[before], clean[(before + 1) % count], gone)


def _lengths(clean: Tensor) -> Tensor:
    """How far apart each frame and the next one look, float64; fine grain, which flickers, is left out."""
    seen = avg_pool2d(clean, 2, ceil_mode=True)
    lengths: Tensor = (seen.roll(-1, 0) - seen).flatten(1).double().norm(dim=1)
    return lengths
