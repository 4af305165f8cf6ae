"""Turns: networks that share a device too small for all of them."""

import weakref
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import torch
from torch import Tensor, nn


class Turns:
    """Networks that are on a device when it is their turn, one after the other, and else in the machine's memory.

    Weights are never changed, so originals stay in the machine's memory and only copies travel.
    """

    def __init__(self, device: torch.device) -> None:
        """Nobody is there yet."""
        self._device = device
        self._there: weakref.ref[nn.Module] | None = None
        self._guests = Guests(device)

    def join(self, network: nn.Module, streamed: Sequence[nn.Module] = ()) -> Callable[[], None]:
        """From now on the network comes when it is called, and stays until another one of the turns is.

        Args:
            network: lies in the machine's memory.
            streamed: parts of it that come for their own call and leave after it.

        Returns:
            What makes it come for calls of its parts alone.
        """
        inside = {id(module) for part in streamed for module in part.modules()}
        staying = [module for module in network.modules() if id(module) not in inside]
        itself = weakref.ref(network)

        def arrive(*_: Any) -> None:
            if self._there is not itself:
                self._guests.leave()
                self._there = itself
            self._guests.arrive(staying)

        network.register_forward_pre_hook(arrive)
        for part in streamed:
            stream(part, self._device)
        return arrive


class Guests:
    """Copies of tensors on a device, each in the place of its original, which waits at home."""

    def __init__(self, device: torch.device) -> None:
        """None yet."""
        self._device = device
        self._placed: list[tuple[nn.Module, str, Tensor, Tensor]] = []  # module, name, original, copy

    def arrive(self, modules: Iterable[nn.Module]) -> None:
        """Brings the parameters and buffers that the modules hold themselves, as far as they are not there."""
        for module in modules:
            own = (*module.named_parameters(recurse=False), *module.named_buffers(recurse=False))
            for name, tensor in own:
                if tensor.device != self._device:
                    copy = tensor.to(self._device)
                    if isinstance(tensor, nn.Parameter):
                        copy = nn.Parameter(copy, requires_grad=False)
                    setattr(module, name, copy)
                    self._placed.append((module, name, tensor, copy))

    def leave(self) -> None:
        """Puts the originals back, but where something else stands by now."""
        for module, name, tensor, copy in self._placed:
            if getattr(module, name) is copy:
                setattr(module, name, tensor)
        self._placed.clear()


def stream(part: nn.Module, device: torch.device) -> None:
    """From now on a part of a network is on the device only while it is called."""
    guests = Guests(device)
    modules = list(part.modules())

    def arrive(*_: Any) -> None:
        guests.arrive(modules)

    def leave(*_: Any) -> None:
        guests.leave()

    part.register_forward_pre_hook(arrive)
    part.register_forward_hook(leave)
