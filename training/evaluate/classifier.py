"""A small picture classifier that learns from the painter what each subject looks like, and palette by colour."""

from collections.abc import Sequence
from dataclasses import replace

import cv2
import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from core.image import Image, Size, to_float, to_image
from core.seeds import derive
from training.painter.briefs import SUBJECTS, brief
from training.painter.colours import LUMA, PALETTES
from training.painter.compose import scene
from training.painter.styles import STYLE_WORDS
from training.painter.theatre import Shot, view

STYLES = ("", *STYLE_WORDS)  # "" is the painter's own
SIDE = 64  # pixels of the picture the classifier looks at
_EXAMPLES = 1080
_STEPS = 260
_BATCH = 32


def subject_classifier(seed: int = 1) -> nn.Module:
    """Learns for about a minute; the same seed gives the same classifier. Gives N x 9 scores of SUBJECTS."""
    return _taught(*painter_pictures(first=0, count=_EXAMPLES), len(SUBJECTS), seed)


def style_classifier(seed: int = 1) -> nn.Module:
    """Learns for about a minute, as above. Gives N x 4 scores of STYLES."""
    return _taught(*style_pictures(first=0, count=_EXAMPLES), len(STYLES), seed)


def _taught(images: list[Image], answers: np.ndarray, classes: int, seed: int) -> nn.Module:
    """A small network that has seen the images with their answers, 0 .. classes - 1."""
    torch.manual_seed(seed)
    network = nn.Sequential(
        *_stage(3, 24),
        *_stage(24, 48),
        *_stage(48, 96),
        *_stage(96, 96),
        nn.AdaptiveAvgPool2d(2),
        nn.Flatten(),
        nn.Linear(384, classes),
    )
    optimizer = torch.optim.AdamW(network.parameters(), lr=2e-3, weight_decay=0.05)
    for step in range(_STEPS):
        optimizer.param_groups[0]["lr"] = 2e-3 * (1 - step / _STEPS)
        draw = np.random.default_rng(derive(seed, "classifier", step))
        chosen = draw.integers(0, len(images), _BATCH)
        pictures = _seen([_varied(images[index], draw) for index in chosen])
        error = functional.cross_entropy(network(pictures), torch.from_numpy(answers[chosen]))
        optimizer.zero_grad()
        error.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
    return network.eval()


def subjects_of(network: nn.Module, images: Sequence[Image]) -> list[str]:
    """The subject the classifier sees in each picture."""
    return [SUBJECTS[index] for index in _answers(network, images)]


def styles_of(network: nn.Module, images: Sequence[Image]) -> list[str]:
    """The style the classifier sees in each picture."""
    return [STYLES[index] for index in _answers(network, images)]


@torch.inference_mode()
def _answers(network: nn.Module, images: Sequence[Image]) -> list[int]:
    small = [cv2.resize(image, (SIDE, SIDE), interpolation=cv2.INTER_AREA) for image in images]
    scores: Tensor = network(_seen(small))
    return [int(index) for index in scores.argmax(1)]


def painter_pictures(first: int, count: int, side: int = SIDE) -> tuple[list[Image], np.ndarray]:
    """Painted pictures and the indices of their subjects; those from 2**20 on are held out."""
    images = [_painted(number, "", side) for number in range(first, first + count)]
    return images, np.arange(first, first + count) % len(SUBJECTS)


def style_pictures(first: int, count: int, side: int = SIDE) -> tuple[list[Image], np.ndarray]:
    """Painted pictures whose styles take turns, and the indices of those in STYLES; from 2**20 on they are held out."""
    numbers = np.arange(first, first + count)
    styles = numbers // len(SUBJECTS) % len(STYLES)  # every subject in every style
    return [_painted(int(n), STYLES[style], side) for n, style in zip(numbers, styles, strict=True)], styles


def _painted(number: int, style: str, side: int) -> Image:
    """One picture of the subject whose turn it is."""
    seed = derive(number, "classifier picture")
    draw = np.random.default_rng(seed)
    shot = Shot(draw.uniform(-0.1, 0.1), draw.uniform(-0.03, 0.03), draw.uniform(0, 0.15), draw.uniform(0, 8))
    asked = replace(brief(seed, SUBJECTS[number % len(SUBJECTS)]), style=style)
    return view(scene(asked), Size(side, side), shot).image


def palette_of(image: Image) -> str:
    """The palette whose hue is nearest to that of the picture's colourful parts."""
    return min(PALETTES, key=lambda name: palette_distance(image, name))


def palette_distance(image: Image, palette: str) -> float:
    """How far the hue of the picture's colourful parts is from a palette's, 0..2."""
    return float(np.linalg.norm(_chroma(to_float(image).reshape(-1, 3)) - _chroma(_swatch(palette))))


def brightness_of(image: Image) -> float:
    """Mean luma, 0..1."""
    return float((to_float(image) @ LUMA).mean())


def _swatch(palette: str) -> np.ndarray:
    """Colours of a palette, the middle ones more often."""
    dark, deep, bright, _ = PALETTES[palette]
    return np.stack([dark, deep, deep, bright, bright])


def _chroma(colours: np.ndarray) -> np.ndarray:
    """Mean direction of the colours' hue (a, b of CIE Lab), the colourful ones counting most."""
    lab = cv2.cvtColor(colours[None].astype(np.float32), cv2.COLOR_RGB2Lab)[0, :, 1:]
    strength = np.linalg.norm(lab, axis=1, keepdims=True)
    mean = (lab * strength).sum(0)
    return np.asarray(mean / max(float(np.linalg.norm(mean)), 1e-6))


def _stage(given: int, wide: int) -> tuple[nn.Module, ...]:
    return nn.Conv2d(given, wide, 3, stride=2, padding=1), nn.GroupNorm(8, wide), nn.SiLU()


def _seen(images: Sequence[Image]) -> Tensor:
    return torch.from_numpy(np.stack([to_float(image) for image in images])).permute(0, 3, 1, 2).contiguous() * 2 - 1


def _varied(image: Image, draw: np.random.Generator) -> Image:
    """Mirrored, blurred or off in colour, so that weak pictures are recognised too."""
    picture = to_float(image[:, ::-1] if draw.random() < 0.5 else image)
    if draw.random() < 0.5:
        picture = cv2.GaussianBlur(picture, (0, 0), draw.uniform(0.3, 1.5))
    picture = picture + draw.normal(0, draw.uniform(0, 0.05), picture.shape).astype(np.float32)
    return to_image(np.clip(picture * draw.uniform(0.8, 1.2, 3).astype(np.float32), 0, 1))
