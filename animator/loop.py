"""The frame loop: finished steps from disk, then one step after the other."""

from collections.abc import Iterator, Sequence
from concurrent.futures import Future

from animator.modes import Mode
from animator.steps import Carry, Frame, Step, step_keys
from animator.store import FrameStore, finished_steps
from core.errors import DriftloopError
from core.image import Image


def render_frames(mode: Mode, steps: Sequence[Step], store: FrameStore) -> Iterator[Frame]:
    """All frames in order. A frame is yielded once it is safe on disk; stop iterating to cancel.

    While a step is being made, the pictures of the one before it are being written.
    """
    keys = step_keys(steps, mode.identity)
    done = finished_steps(store.folder, keys)
    store.truncate(done)
    for step in steps[:done]:
        yield from store.frames(step)
    carry = store.carry(done)
    written: Future[list[Frame]] | None = None
    for step, key in zip(steps[done:], keys[done:], strict=True):
        images, carry = _made(mode, step, carry)
        if written is not None:
            yield from written.result()
        written = store.commit(key, step, images, carry)
    if written is not None:
        yield from written.result()


def _made(mode: Mode, step: Step, carry: Carry) -> tuple[list[Image], Carry]:
    """One step; what goes wrong on purpose is told with its frame."""
    try:
        return mode.run(step, carry)
    except DriftloopError as fault:
        fault.where = fault.where or f"frame {step.frames[0].index}"
        raise
