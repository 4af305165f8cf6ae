"""Pictures made larger by upscalers: a name to what does it, and how often a network runs over a picture."""

from collections.abc import Callable
from fractions import Fraction

from core.devices import ModelPool
from core.errors import UserError
from core.image import LARGEST_SIDE, Image, Size, resized
from diffusion.canvas import Enlarge
from diffusion.upscalers import PLAIN, TileRules, network_path, plain_name

CELL = 8  # pixels; what networks enlarge to has sides of whole cells, as in the web UI
MOST_PASSES = 3  # of a network over one picture
TILES = TileRules()


def enlarger(name: str, pool: ModelPool, tiles: TileRules = TILES) -> Enlarge:
    """The upscaler of pictures of that name; its network is loaded when the first picture comes.

    What it gives has at least the size asked for, less than a cell short on each side; `canvas.scaled` brings it there.

    Raises:
        UnknownName: if there is none.
        UserError: for tiles that overlap as far as they reach.
    """
    if tiles.side and tiles.overlap >= tiles.side:
        raise UserError(f"an overlap of {tiles.overlap} in tiles of {tiles.side}", way_out="Choose a smaller overlap")
    path = network_path(name)
    if path is None:
        return PLAIN[plain_name(name) or "None"]

    def enlarge(image: Image, size: Size) -> Image:
        from diffusion.models.upscaler import upscaling_network

        network = upscaling_network(path, pool)
        old = Size.of(image)
        growth = max(Fraction(size.width, old.width), Fraction(size.height, old.height))
        return in_passes(image, growth, lambda one: network.enlarged(one, tiles), network.times)

    return enlarge


def in_passes(image: Image, growth: Fraction, once: Callable[[Image], Image], times: int) -> Image:
    """The picture through a network as often as it takes, then by Lanczos to `growth` times its sides in whole cells.

    Args:
        image: uint8, H x W x 3, RGB.
        growth: 1 or more; 1 runs the network once.
        once: the network.
        times: how often as large its pictures are.

    Raises:
        UserError: if a picture in between would be larger than pictures may be.
    """
    wanted = Size(*(max(side, int(side * growth) // CELL * CELL) for side in Size.of(image)))
    for number in range(MOST_PASSES):
        size = Size.of(image)
        if size.width >= wanted.width and size.height >= wanted.height and (number or growth != 1):
            break
        if max(size) * times > LARGEST_SIDE:
            raise UserError(
                f"{size} times {times} is larger than {LARGEST_SIDE} pixels", way_out="Enlarge by less, or by Lanczos"
            )
        image = once(image)
        if Size.of(image) == size:
            break
    return resized(image, wanted, "lanczos")
