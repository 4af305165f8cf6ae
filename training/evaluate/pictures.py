"""Gates of the picture model, on fixed prompts and seeds."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from torch import nn

from core.image import Image, Size, to_float
from training.evaluate.classifier import (
    STYLES,
    brightness_of,
    painter_pictures,
    palette_distance,
    palette_of,
    style_pictures,
    styles_of,
    subjects_of,
)
from training.mini.model import MiniModel
from training.mini.samples import FULL, NATIVE, Manner, as_tensor, drawn, redrawn
from training.mini.vae import decibels
from training.painter.briefs import LANDSCAPES, SUBJECTS
from training.painter.colours import PALETTES

PLAIN_PROMPTS = {
    "mountains": ("mountains at sunset", "mountain range at day, snow"),
    "ocean": ("ocean at night with moon", "sea at sunset"),
    "desert": ("desert dunes at sunrise, sun", "sand dunes at day"),
    "forest": ("forest at day", "forest at sunset, sun"),
    "city": ("city skyline at night", "skyscrapers at sunset"),
    "galaxy": ("spiral galaxy, blue", "nebula, purple colors"),
    "clouds": ("clouds at day", "fluffy clouds at sunset"),
    "flower": ("a pink flower", "red flower"),
    "waves": ("abstract waves, teal", "abstract waves, orange palette"),
}
PALETTE_SUBJECTS = ("mountains", "ocean", "city", "galaxy", "abstract waves")


@dataclass(frozen=True, slots=True)
class Finding:
    """One figure and what it should be."""

    name: str
    value: float
    wanted: str
    pictures: tuple[Image, ...] = ()
    titles: tuple[str, ...] = ()

    def __str__(self) -> str:
        """`palette word right: 0.85 (wanted >= 0.85)`."""
        return f"{self.name}: {self.value:.3f} (wanted {self.wanted})"


def findings(model: MiniModel, classifier: nn.Module, style_judge: nn.Module) -> Iterator[Finding]:
    """All gates one after the other; some minutes on one core.

    Args:
        model: what is judged.
        classifier: of subjects.
        style_judge: a classifier of styles.
    """
    yield from autoencoder(model, classifier)
    yield from from_noise(model, classifier, style_judge, FULL)
    yield from large(model, classifier)
    yield from img2img(model, classifier)
    yield from feedback(model, classifier)


def from_noise(model: MiniModel, classifier: nn.Module, style_judge: nn.Module, manner: Manner) -> Iterator[Finding]:
    """The gates of pictures that follow a prompt alone, drawn in some manner."""
    yield subjects(model, classifier, manner=manner)
    yield palettes(model, manner)
    yield nights(model, manner)
    yield from styles(model, style_judge, manner)


def autoencoder(model: MiniModel, classifier: nn.Module) -> Iterator[Finding]:
    """What the autoencoder keeps of held-out pictures."""
    images, truth = painter_pictures(first=2**20, count=72, side=256)
    yield Finding("autoencoder, dB", decibels(model.autoencoder, images), ">= 29")
    wanted = [SUBJECTS[index] for index in truth]
    before = _share(subjects_of(classifier, images), wanted)
    pictures = [_through(model, image) for image in images]
    after = _share(subjects_of(classifier, pictures), wanted)
    yield Finding("classifier on held-out painted pictures", before, "about 1")
    yield Finding("share of it kept through the autoencoder", after / before, ">= 0.9")


def subjects(
    model: MiniModel, classifier: nn.Module, seeds: Sequence[int] = (1, 2), *, manner: Manner = FULL
) -> Finding:
    """Whether the classifier sees the subject that the prompt named."""
    asked = [
        (subject, prompt, seed) for subject, prompts in PLAIN_PROMPTS.items() for prompt in prompts for seed in seeds
    ]
    pictures = drawn(model, [prompt for _, prompt, _ in asked], [seed for *_, seed in asked], manner=manner)
    right = _share(subjects_of(classifier, pictures), [subject for subject, *_ in asked])
    return Finding("subject right", right, ">= 0.85", tuple(pictures), tuple(prompt for _, prompt, _ in asked))


def palettes(model: MiniModel, manner: Manner = FULL) -> Finding:
    """Whether a picture's hue is nearest to the palette that the prompt named."""
    asked = [(palette, f"{palette} {subject}") for palette in PALETTES for subject in PALETTE_SUBJECTS]
    pictures = drawn(model, [prompt for _, prompt in asked], range(10, 10 + len(asked)), manner=manner)
    right = _share([palette_of(picture) for picture in pictures], [palette for palette, _ in asked])
    return Finding("palette word right", right, ">= 0.85", tuple(pictures), tuple(prompt for _, prompt in asked))


def nights(model: MiniModel, manner: Manner = FULL) -> Finding:
    """Whether each landscape is darker at night than at day."""
    prompts = [f"{subject} at {time}" for subject in LANDSCAPES for time in ("day", "night")]
    pictures = drawn(model, prompts, [7] * len(prompts), manner=manner)
    levels = [brightness_of(picture) for picture in pictures]
    darker = [night < day for day, night in zip(levels[::2], levels[1::2], strict=True)]
    return Finding("night darker than day", float(np.mean(darker)), "1", tuple(pictures), tuple(prompts))


def styles(model: MiniModel, style_judge: nn.Module, manner: Manner = FULL) -> Iterator[Finding]:
    """Whether pictures are in the style that the prompt named, or in none."""
    asked = [(style, subject) for style in STYLES for subject in SUBJECTS]
    prompts = [", ".join(filter(None, (PLAIN_PROMPTS[subject][1], style))) for style, subject in asked]
    pictures = drawn(model, prompts, range(30, 30 + len(asked)), manner=manner)
    images, truth = style_pictures(first=2**20, count=72)
    known = _share(styles_of(style_judge, images), [STYLES[index] for index in truth])
    right = _share(styles_of(style_judge, pictures), [style for style, _ in asked])
    yield Finding("style classifier on held-out painted pictures", known, "about 1")
    yield Finding("style right", right, ">= 0.85", tuple(pictures), tuple(prompts))


def large(model: MiniModel, classifier: nn.Module, side: int = 512) -> Iterator[Finding]:
    """Whether the subject of pictures of four times the native area is still seen: drawn at once, and in two passes."""
    asked = [(subject, prompt) for subject, prompts in PLAIN_PROMPTS.items() for prompt in prompts]
    prompts, seeds, size = [prompt for _, prompt in asked], range(60, 60 + len(asked)), Size(side, side)
    small = drawn(model, prompts, seeds)
    grown = [cv2.resize(picture, size, interpolation=cv2.INTER_CUBIC) for picture in small]
    ways = {
        "at once": drawn(model, prompts, seeds, size=size),
        "as a second pass at 0.5": redrawn(model, grown, prompts, seeds, strength=0.5),
    }
    for way, pictures in ways.items():
        shrunk = [cv2.resize(picture, NATIVE, interpolation=cv2.INTER_AREA) for picture in pictures]
        right = _share(subjects_of(classifier, shrunk), [subject for subject, _ in asked])
        yield Finding(f"subject right at {side}x{side}, {way}", right, ">= 0.85", tuple(pictures), tuple(prompts))


def img2img(model: MiniModel, classifier: nn.Module) -> Iterator[Finding]:
    """Half-strength redrawing with a new palette: the layout stays, the colour follows."""
    images, truth = painter_pictures(first=2**20, count=36, side=256)
    named = [(image, SUBJECTS[index]) for image, index in zip(images, truth, strict=True)]
    kept = [(image, subject) for image, subject in named if subject in LANDSCAPES]
    wanted = [tuple(PALETTES)[index % len(PALETTES)] for index in range(len(kept))]
    prompts = [f"{palette} {subject}" for palette, (_, subject) in zip(wanted, kept, strict=True)]
    pictures = redrawn(model, [image for image, _ in kept], prompts, range(len(kept)), strength=0.5)
    alike = [_edge_correlation(image, picture) for (image, _), picture in zip(kept, pictures, strict=True)]
    yield Finding("img2img at 0.5: edges kept", float(np.mean(alike)), ">= 0.4", tuple(pictures), tuple(prompts))
    nearer = [
        palette_distance(picture, palette) < palette_distance(image, palette)
        for (image, _), picture, palette in zip(kept, pictures, wanted, strict=True)
    ]
    yield Finding("img2img at 0.5: hue nearer to the new palette than before", float(np.mean(nearer)), "well above 0.5")
    yield Finding("img2img at 0.5: palette right", _share([palette_of(one) for one in pictures], wanted), "above 0.125")
    same = _share(subjects_of(classifier, pictures), [subject for _, subject in kept])
    yield Finding("img2img at 0.5: subject right", same, "about that of the text")


def feedback(model: MiniModel, classifier: nn.Module, frames: int = 60) -> Iterator[Finding]:
    """A loop of zoom and redrawing at strength 0.4: pictures neither dissolve nor burn."""
    prompts = {"ocean": "ocean at sunset with sun", "mountains": "mountains at day, snow"}
    first = drawn(model, list(prompts.values()), (3, 4))
    images = first
    for frame in range(frames):
        images = redrawn(
            model, [_zoomed(image) for image in images], list(prompts.values()), (frame, frame + 500), strength=0.4
        )
    change = [abs(_spread(end) / _spread(start) - 1) for start, end in zip(first, images, strict=True)]
    colour = [
        abs(_saturation(end) / max(_saturation(start), 1e-3) - 1) for start, end in zip(first, images, strict=True)
    ]
    yield Finding("feedback: change of contrast", max(change), "<= 0.25", (*first, *images), (*prompts, *prompts))
    yield Finding("feedback: change of saturation", max(colour), "<= 0.25")
    yield Finding("feedback: subject still right", _share(subjects_of(classifier, images), list(prompts)), "1")


def _share(given: Sequence[str], wanted: Sequence[str]) -> float:
    return float(np.mean([one == other for one, other in zip(given, wanted, strict=True)]))


def _through(model: MiniModel, image: Image) -> Image:
    """A picture after encoding and decoding."""
    back = model.autoencoder.decode(model.autoencoder.encode(as_tensor([image])).latents).sample[0]
    levels = back.detach().clamp(-1, 1).permute(1, 2, 0).numpy() * 127.5 + 128
    return np.ascontiguousarray(levels.clip(0, 255).astype(np.uint8))


def _edge_correlation(one: Image, other: Image) -> float:
    """Correlation of the edge strengths of two pictures, slightly blurred so that a pixel's shift does not count."""
    return float(np.corrcoef(_edges(one).ravel(), _edges(other).ravel())[0, 1])


def _edges(image: Image) -> np.ndarray:
    grey = cv2.GaussianBlur(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY).astype(np.float32), (0, 0), 3)
    return np.asarray(np.hypot(cv2.Sobel(grey, cv2.CV_32F, 1, 0), cv2.Sobel(grey, cv2.CV_32F, 0, 1)))


def _zoomed(image: Image, factor: float = 1.02) -> Image:
    height, width = image.shape[:2]
    turn = cv2.getRotationMatrix2D(((width - 1) / 2, (height - 1) / 2), 0, factor)
    return np.asarray(
        cv2.warpAffine(image, turn, (width, height), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT_101), np.uint8
    )


def _spread(image: Image) -> float:
    return float(to_float(image).mean(2).std())


def _saturation(image: Image) -> float:
    picture = to_float(image)
    return float((picture.max(2) - picture.min(2)).mean())
