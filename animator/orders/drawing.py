"""Orders to pictures: starts made ready, drawn in batches, colours kept, laid under what stays, described."""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from animator.orders.colors import corrected
from animator.orders.described import described
from animator.orders.order import Loop, Order, Start
from core.image import Image, Size
from core.seeds import SEED_RANGE
from diffusion.backends import Generator
from diffusion.canvas import Enlarge
from diffusion.inpainting import Canvas, canvas
from diffusion.request import ControlImage
from media.infotext import Infotext

Generators = Callable[[Order], Generator]  # by the model and autoencoder of an order
Upscalers = Callable[[str], Enlarge]  # by name
Facts = Callable[[Order], Mapping[str, str]]  # what infotexts say of an order's model and networks
Steer = Callable[[Order, Canvas | None], tuple[ControlImage, ...]]  # what the units of an order show


@dataclass(frozen=True, slots=True, eq=False)
class Made:
    """A finished picture."""

    image: Image  # uint8, H x W x 3, RGB
    infotext: Infotext
    order: Order  # of this one picture

    @property
    def size(self) -> Size:
        """Its width and height."""
        return Size.of(self.image)


@dataclass(frozen=True, slots=True)
class Hands:
    """Who takes part in drawing."""

    generators: Generators
    facts: Facts
    steer: Steer
    upscalers: Upscalers  # for pictures to start from that are smaller than the order


def drawn(order: Order, hands: Hands) -> Iterator[Made]:
    """The pictures of an order, batch by batch; a loop's pictures one after the other.

    Args:
        order: with its styles written out.
        hands: who draws.

    Raises:
        UserError: for what a generator does not accept.
        BrokenPicture: if a picture is NaN, black or constant.
    """
    singles = [order.single(place) for place in range(order.batch_size * order.count)]
    if order.loop.times > 1:
        for single in singles:
            yield from _looped(single, hands)
        return
    for first in range(0, len(singles), order.batch_size):
        yield from _together(singles[first : first + order.batch_size], hands)


def strength(loop: Loop, denoise: float, time: int) -> float:
    """The denoising strength of one time of a loop, counted from 0."""
    if loop.times < 2:
        return denoise
    progress = time / (loop.times - 1)
    bent = {
        "aggressive": math.sin(progress * math.pi / 2),
        "linear": progress,
        "lazy": 1 - math.cos(progress * math.pi / 2),
    }[loop.curve]
    return denoise + (loop.final_denoise - denoise) * bent


def _looped(order: Order, hands: Hands) -> Iterator[Made]:
    """Each picture made from the one before; the seed counts up, colours stay those of the first start."""
    start = order.start
    for time in range(order.loop.times):
        denoise = strength(order.loop, order.sampling.denoise, time)
        seed = (order.seed + time) % SEED_RANGE
        sampling = replace(order.sampling, denoise=denoise)
        now = replace(order, loop=Loop(), seed=seed, sampling=sampling, start=start)
        [made] = _together([now], hands)
        start = _next_start(start, made.image)
        yield made


def _next_start(start: Start | None, image: Image) -> Start:
    """What the next time of a loop starts from."""
    if start is None:
        return Start((image,))
    rules = replace(start.rules, content="original") if start.rules.content == "fill" else start.rules
    return replace(start, images=(image,), rules=rules, palette=start.palette_of(start.images[0]))


def _together(orders: Sequence[Order], hands: Hands) -> list[Made]:
    """Pictures drawn in one call, in the order of their orders."""
    canvases = [_canvas(order, hands.upscalers) for order in orders]
    requests = [order.request(part, hands.steer(order, part)) for order, part in zip(orders, canvases, strict=True)]
    images = hands.generators(orders[0]).generate(requests)
    return [
        Made(_finished(image, order, part), described(order, hands.facts(order)), order)
        for image, order, part in zip(images, orders, canvases, strict=True)
    ]


def _canvas(order: Order, upscalers: Upscalers) -> Canvas | None:
    start = order.start
    if start is None:
        return None
    enlarge = upscalers(start.upscaler) if start.upscaler else None
    return canvas(start.images[0], start.mask, order.size, start.rules, start.mode, enlarge)


def _finished(image: Image, order: Order, part: Canvas | None) -> Image:
    """The picture with its colours corrected, and in its place."""
    if part is None or order.start is None:
        return image
    if order.start.keeps_colors:
        palette = part.reference if order.start.palette is None else order.start.palette
        image = corrected(image, palette)
    return part.pasted(image)
