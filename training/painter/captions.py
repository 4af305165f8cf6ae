"""Captions written the way people prompt: sentences, comma lists, filler and words nobody painted."""

from collections.abc import Sequence

import numpy as np

from training.painter.briefs import Brief
from training.painter.colours import PALETTE_WORDS, TIMES
from training.painter.styles import STYLE_WORDS

EMPTY_SHARE = 0.1  # of captions: what classifier-free guidance is trained on
SUBJECT_WORDS: dict[str, tuple[str, ...]] = {
    "mountains": ("mountains", "mountain range", "mountain landscape", "mountain peaks"),
    "ocean": ("ocean", "sea", "ocean waves", "seascape"),
    "desert": ("desert", "sand dunes", "desert dunes", "desert landscape"),
    "forest": ("forest", "woods", "deep forest", "trees"),
    "city": ("city skyline", "city", "cityscape", "skyscrapers"),
    "spiral": ("spiral galaxy", "galaxy", "deep space"),
    "nebula": ("nebula", "cosmic nebula", "deep space"),
    "clouds": ("clouds", "cloudscape", "sky full of clouds", "fluffy clouds"),
    "flower": ("flower", "blossom", "blooming flower"),
    "waves": ("abstract waves", "flowing abstract waves", "flowing lines"),
}
DETAIL_WORDS: dict[str, tuple[str, ...]] = {
    "lake": ("lake reflection", "a calm lake", "lake"),
    "snow": ("snow", "snowy peaks"),
    "pines": ("pine trees",),
    "beach": ("sandy beach", "beach"),
    "boat": ("sailing boat", "a boat"),
    "cactus": ("cactus",),
    "autumn": ("autumn", "autumn leaves"),
    "mist": ("mist", "fog"),
    "river": ("river reflection", "reflection in water"),
    "planet": ("planet",),
    "sun": ("sun", "bright sun", "glowing sun"),
    "moon": ("moon", "full moon"),
    "stars": ("stars", "starry sky"),
}
FILLER = (
    "beautiful",
    "highly detailed",
    "masterpiece",
    "trending on artstation",
    "4k",
    "dreamy",
    "cinematic lighting",
    "intricate",
    "epic",
    "stunning",
    "serene",
    "majestic",
    "digital art",
    "surreal",
    "vibrant",
    "concept art",
    "ethereal",
    "atmospheric",
    "8k",
    "award winning",
    "sharp focus",
    "magical",
    "fantasy",
    "mysterious",
    "peaceful",
)
OPENINGS = ("a painting of ", "an image of ", "a picture of ")


def caption(brief: Brief, draw: np.random.Generator) -> str:
    """One caption of a brief's picture, sometimes empty.

    The palette and the time stand in nearly all of them, in the first place or the last; the subject comes first
    when the palette does not.
    """
    if draw.random() < EMPTY_SHARE:
        return ""
    subject = _one(draw, SUBJECT_WORDS[_kind(brief)])
    time = _one(draw, TIMES[brief.time].words) if brief.is_landscape and draw.random() < 0.95 else ""
    colour = _colour(brief, draw) if brief.palette and draw.random() < 0.97 else ""
    named = (*brief.lights, *brief.extras)
    details = [_one(draw, DETAIL_WORDS[word]) for word in named if word in DETAIL_WORDS and draw.random() < 0.85]
    form = draw.random()
    if form < 0.45:
        text = _sentence(draw, f"{colour} {subject}".strip(), time, details)
    elif form < 0.75:
        text = ", ".join([_at(draw, subject, time), *_shuffled(draw, [*details, *_coloured(draw, colour)])])
    else:
        text = ", ".join([subject, *_shuffled(draw, [*details, *([time] if time else []), *_coloured(draw, colour)])])
    if draw.random() < 0.3:
        text = ", ".join([text, *(_one(draw, FILLER) for _ in range(draw.integers(1, 4)))])
    if brief.style:
        return _in_style(draw, text, _one(draw, STYLE_WORDS[brief.style]))
    return _one(draw, OPENINGS) + text if draw.random() < 0.1 else text


def _in_style(draw: np.random.Generator, text: str, style: str) -> str:
    """A caption with its style, before or behind the rest; a style is always named."""
    form = draw.random()
    if form < 0.4:
        return f"{text}, {style}"
    return f"{style} of {text}" if form < 0.7 else f"{style}, {text}"


def _kind(brief: Brief) -> str:
    """The entry of SUBJECT_WORDS: the galaxies' own kind, else the subject."""
    return brief.extras[0] if brief.subject == "galaxy" else brief.subject


def _colour(brief: Brief, draw: np.random.Generator) -> str:
    """A palette's name, mostly the plain one."""
    return brief.palette if draw.random() < 0.6 else _one(draw, PALETTE_WORDS[brief.palette])


def _coloured(draw: np.random.Generator, colour: str) -> list[str]:
    """A palette as a phrase of its own, or none."""
    return [colour + _one(draw, ("", " colors", " palette", " tones"))] if colour else []


def _at(draw: np.random.Generator, subject: str, time: str) -> str:
    """A subject at its time."""
    return subject + (_one(draw, (" at ", " at ", ", ")) + time if time else "")


def _sentence(draw: np.random.Generator, subject: str, time: str, details: Sequence[str]) -> str:
    """`a red ocean at night with moon, stars`."""
    opening = "a " if draw.random() < 0.25 else ""
    ending = _one(draw, (" with ", ", ")) + ", ".join(details) if details else ""
    return opening + _at(draw, subject, time) + ending


def _one(draw: np.random.Generator, choices: Sequence[str]) -> str:
    return choices[int(draw.integers(len(choices)))]


def _shuffled(draw: np.random.Generator, phrases: list[str]) -> list[str]:
    return [phrases[index] for index in draw.permutation(len(phrases))]
