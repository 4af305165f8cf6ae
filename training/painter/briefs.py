"""What is to be painted: a brief, drawn from a seed, and the words that go with it."""

from dataclasses import dataclass

import numpy as np

from core.seeds import derive
from training.painter.colours import PALETTES, TIMES
from training.painter.styles import STYLE_WORDS

LAYOUTS = 6  # compositions of each subject
FAMILIAR = 3  # of them, that the embedded model is trained on; more make its task harder
LANDSCAPES = ("mountains", "ocean", "desert", "forest", "city", "clouds")
SUBJECTS = ("mountains", "ocean", "desert", "forest", "city", "galaxy", "clouds", "flower", "waves")
EXTRAS: dict[str, tuple[tuple[str, ...], ...]] = {  # what each layout holds besides its subject
    "mountains": ((), ("lake",), ("snow",), ("lake", "snow"), (), ("pines",)),
    "ocean": ((), ("beach",), ("boat",), (), ("boat",), ()),
    "desert": ((), (), ("cactus",), (), (), ("cactus",)),
    "forest": ((), ("autumn",), ("mist",), (), (), ("autumn",)),
    "city": ((), ("river",), (), (), ("river",), ()),
    "galaxy": (("spiral",), ("nebula",), ("spiral",), ("nebula",), ("nebula", "planet"), ("spiral",)),
    "clouds": ((),) * LAYOUTS,
    "flower": ((),) * LAYOUTS,
    "waves": ((),) * LAYOUTS,
}


@dataclass(frozen=True, slots=True)
class Brief:
    """One picture to paint; the same brief gives the same scene."""

    subject: str  # one of SUBJECTS
    layout: int  # 0 to LAYOUTS - 1: where things stand
    time: str = "day"  # one of TIMES; only landscapes show it
    palette: str = ""  # one of PALETTES, or "" for the subject's own colours
    lights: tuple[str, ...] = ()  # of sun, moon, stars
    style: str = ""  # one of STYLE_WORDS, or "" for the painter's own

    @property
    def extras(self) -> tuple[str, ...]:
        """What the layout holds besides its subject."""
        return EXTRAS[self.subject][self.layout]

    @property
    def is_landscape(self) -> bool:
        """Whether it has a sky and a time of day."""
        return self.subject in LANDSCAPES

    def draw(self, purpose: str) -> np.random.Generator:
        """The draws for one part of the layout; colours, time and lights do not change them."""
        return np.random.default_rng(derive(self.layout, self.subject, purpose))


def brief(seed: int, subject: str | None = None, layouts: int = FAMILIAR, styles: float = 0.0) -> Brief:
    """A random brief.

    Args:
        seed: the same seed gives the same brief.
        subject: one of SUBJECTS; drawn when not given.
        layouts: how many of the LAYOUTS are used; fewer are learned sooner.
        styles: share of the briefs that ask for a style, 0..1.
    """
    draw = np.random.default_rng(derive(seed, "brief"))
    chosen = SUBJECTS[draw.integers(len(SUBJECTS))]
    subject = subject or chosen
    layout = int(draw.integers(layouts))
    time = tuple(TIMES)[draw.integers(len(TIMES))]
    palette = tuple(PALETTES)[draw.integers(len(PALETTES))]
    coloured = draw.random() < (0.65 if subject in LANDSCAPES else 0.85)
    chance = draw.random()
    landscape = subject in LANDSCAPES
    style = tuple(STYLE_WORDS)[draw.integers(len(STYLE_WORDS))] if draw.random() < styles else ""
    return Brief(
        subject,
        layout,
        time if landscape else "day",
        palette if coloured else "",
        lights(time, chance) if landscape else (),
        style,
    )


def lights(time: str, chance: float) -> tuple[str, ...]:
    """What stands in the sky at a time of day for a uniform draw 0..1."""
    if time == "night":
        return (("moon",), ("stars",), ("moon", "stars"))[int(chance * 3)]
    return ("sun",) if chance < (0.35 if time == "day" else 0.7) else ()
