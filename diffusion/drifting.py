"""Drifting: how the grain of a request moves, in latent cells."""

import cv2
import numpy as np
import torch

from diffusion.kit import Kit
from diffusion.request import ImageRequest
from diffusion.sampling.noise import Drift


def drift_of(request: ImageRequest, kit: Kit) -> Drift | None:
    """Where each latent cell of a request takes its noise from; None where nothing drifts.

    A cell moves by the mean flow of its pixels, to the nearest whole cell, so that noise stays noise.
    """
    if request.drift is None:
        return None
    rows, columns = kit.cells(request.size)
    factor = kit.model.autoencoder.factor
    below, right = rows * factor - request.size.height, columns * factor - request.size.width
    flow = np.pad(request.drift.flow, ((0, below), (0, right), (0, 0)), mode="edge")
    fresh = np.pad(request.drift.fresh, ((0, below), (0, right)), mode="edge")
    cells = cv2.resize(flow, (columns, rows), interpolation=cv2.INTER_AREA).reshape(rows, columns, 2) / factor
    row, column = np.indices((rows, columns))
    return Drift(
        torch.from_numpy(np.clip(np.rint(row + cells[..., 1]), 0, rows - 1).astype(np.int64)),
        torch.from_numpy(np.clip(np.rint(column + cells[..., 0]), 0, columns - 1).astype(np.int64)),
        torch.from_numpy(cv2.resize(fresh, (columns, rows), interpolation=cv2.INTER_AREA) > 0.5),
        request.drift.seed,
    )
