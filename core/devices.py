"""Choice of device and dtype, and the pool that loads each model once. Nothing else chooses or moves devices."""

import os
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from threading import RLock
from typing import TYPE_CHECKING, Any, TypeVar

from core.errors import UserError

if TYPE_CHECKING:
    import torch

Loaded = TypeVar("Loaded")
DEVICE_VARIABLE = "DRIFTLOOP_DEVICE"  # environment: cpu, cuda, cuda:1, mps


def chosen_device() -> "torch.device":
    """The device models run on: DRIFTLOOP_DEVICE if set, else the best there is.

    Raises:
        UserError: if the device asked for is not there.
    """
    import torch

    asked = os.environ.get(DEVICE_VARIABLE)
    if asked:
        return device_named(asked, where=DEVICE_VARIABLE)
    if torch.cuda.is_available():
        return torch.device("cuda")
    if torch.backends.mps.is_available():
        return torch.device("mps")
    return torch.device("cpu")


def device_named(name: str, *, where: str) -> "torch.device":
    """The device of that name.

    Raises:
        UserError: if it is not there.
    """
    import torch

    try:
        torch.empty(0, device=name)
    except (RuntimeError, AssertionError) as fault:
        raise UserError(f"device {name!r} is not available", where=where, way_out="Use cpu, or leave it out") from fault
    return torch.device(name)


def chosen_dtype(device: "torch.device") -> "torch.dtype":
    """float16 on accelerators, float32 on processors."""
    import torch

    return torch.float32 if device.type == "cpu" else torch.float16


@contextmanager
def in_one_thread() -> Iterator[None]:
    """While open, networks that this thread calls take one thread of the processor; those of others do as before.

    Small networks are no slower in it, spare the other cores for what goes on beside them, and give the same numbers
    on all processors of a kind, however many cores there are.
    """
    import torch

    usual = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(usual)


class ModelPool:
    """Models by (kind, name, options): loaded once, shared, dropped on request. One per process."""

    def __init__(self) -> None:
        """An empty pool; the device is chosen when the first model asks for it."""
        self._models: dict[tuple[str, str, Hashable], Any] = {}
        self._one_at_a_time = RLock()  # libraries that make networks do so for one thread only

    def get(self, kind: str, name: str, options: Hashable, load: Callable[[], Loaded]) -> Loaded:
        """The model, loaded by `load` the first time it is asked for."""
        key = (kind, name, options)
        with self._one_at_a_time:
            if key not in self._models:
                self._models[key] = load()
            model: Loaded = self._models[key]
        return model

    def drop(self, kind: str, name: str | None = None) -> None:
        """Forgets all models of a kind (or one of them) so that their memory can be used again."""
        with self._one_at_a_time:
            for key in [key for key in self._models if key[0] == kind and name in (None, key[1])]:
                del self._models[key]
        empty_device_cache()


@contextmanager
def resident(network: Any, device: "torch.device") -> Iterator[None]:
    """While open, a network is on the device; then it is where it was, and the device's memory is free again."""
    home = next(network.parameters()).device
    if home == device:
        yield
        return
    network.to(device)
    try:
        yield
    finally:
        network.to(home)
        empty_device_cache()


def empty_device_cache() -> None:
    """Hands cached accelerator memory back, where there is an accelerator."""
    import torch

    if torch.cuda.is_available():
        torch.cuda.empty_cache()
