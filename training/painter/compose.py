"""A brief's scene, ready to be seen by any camera at any time."""

from collections.abc import Callable

from training.painter.briefs import Brief
from training.painter.colours import PALETTES, TIMES, Colour, tinted, vignetted
from training.painter.scenes import city, clouds, desert, flower, forest, galaxy, mountains, ocean, waves
from training.painter.styles import styled
from training.painter.theatre import Layer, Scene

_LAYERS: dict[str, Callable[[Brief], tuple[Layer, ...]]] = {
    "mountains": mountains.layers,
    "ocean": ocean.layers,
    "desert": desert.layers,
    "forest": forest.layers,
    "city": city.layers,
    "galaxy": galaxy.layers,
    "clouds": clouds.layers,
    "flower": flower.layers,
    "waves": waves.layers,
}


def scene(brief: Brief) -> Scene:
    """The scene a brief asks for; the same brief gives the same scene, bit for bit."""

    def grade(picture: Colour) -> Colour:
        if brief.palette and brief.is_landscape:
            picture = tinted(picture, PALETTES[brief.palette], TIMES[brief.time])
        return styled(vignetted(picture), brief.style)

    return Scene(_LAYERS[brief.subject](brief), grade)
