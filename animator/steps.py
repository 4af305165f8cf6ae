"""What passes along the frame loop: Step, Carry, Frame."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from animator.params import FrameParams
from core.hashing import fingerprint
from core.image import Image
from diffusion.prompt.named import NamedFiles


@dataclass(frozen=True, slots=True)
class Step:
    """Frames that are made together: the first of them is generated, and the others follow from it or are, too."""

    frames: tuple[FrameParams, ...]  # ascending, one or more
    generates_all: bool = False

    @property
    def indices(self) -> range:
        """Which frames."""
        return range(self.frames[0].index, self.frames[-1].index + 1)

    @property
    def generated(self) -> range:
        """Which of them are generated."""
        return self.indices if self.generates_all else self.indices[:1]


@dataclass(frozen=True, slots=True)
class Carry:
    """All that one step hands to the next: named pictures, exactly as they lie on disk."""

    images: Mapping[str, Image] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Frame:
    """A finished frame."""

    index: int  # from 0
    image: Image  # uint8, H x W x 3, RGB


@dataclass(frozen=True, slots=True)
class Sampled:
    """How far the sampling of frames that are drawn together is."""

    done: int  # steps of the sampler
    steps: int  # in all
    kept: int  # of those done, from a render before


Watch = Callable[[Sampled], None]  # told after every step of a sampling


def step_keys(steps: Sequence[Step], identity: str) -> list[str]:
    """A key for each step that changes when anything that made its pictures changes.

    That includes the contents of LoRAs and other files that its prompts name. The keys form a chain: each holds the one
    before it, so an edit keeps every step ahead of it.
    """
    keys: list[str] = []
    before = identity
    files = NamedFiles()
    for step in steps:
        named = {files.identity(*words) for params in step.frames for words in params.all_words()}
        # the params hold plain numbers and words, whose repr is exact and far quicker than the canonical form
        before = fingerprint(before, repr(step.frames), *sorted(named - {""}))
        keys.append(before)
    return keys
