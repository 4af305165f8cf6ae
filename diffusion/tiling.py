"""Tiling: networks whose pictures go on at the opposite edge."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from torch import nn


@contextmanager
def circular(*networks: Any) -> Iterator[None]:
    """While open, every padded convolution of the networks sees the opposite edge where it saw zeros.

    Args:
        networks: torch modules; shared ones, so nobody else may use them meanwhile. They are put back as they were.
            Autoencoders that work in pieces work on the whole, whose edges meet.
    """
    layers = [
        layer
        for network in networks
        for layer in network.modules()
        if isinstance(layer, nn.Conv2d) and layer.padding_mode == "zeros"
    ]
    piecewise = [network for network in networks if getattr(network, "use_tiling", False)]
    for layer in layers:
        layer.padding_mode = "circular"
    for network in piecewise:
        network.disable_tiling()
    try:
        yield
    finally:
        for layer in layers:
            layer.padding_mode = "zeros"
        for network in piecewise:
            network.enable_tiling()
