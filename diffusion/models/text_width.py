"""How wide the text is that a LoRA's model reads, and so the family it is made for; imports no torch."""

import re
from collections.abc import Mapping
from pathlib import Path

from core.errors import WeightsError
from diffusion.models.family import NAMES, TEXT_WIDTHS
from diffusion.models.files import lora_files
from diffusion.models.header import read_header
from diffusion.models.outline import Outline

READS_TEXT = re.compile(r"attn2[._](processor[._])?to_[kv][._].*(down|lora_A|hada_w1_b)")  # as wide as the text


def text_width(lora: Path) -> int | None:
    """How wide the text is that a LoRA's model reads; None if its header does not tell.

    Raises:
        WeightsError: for a file that is damaged.
    """
    for file in lora_files(lora):
        if file.suffix == ".safetensors":
            shapes = read_header(file).shapes
            width = next((shape[1] for key, shape in shapes.items() if READS_TEXT.search(key) and len(shape) > 1), None)
            if width is not None:
                return width
    return None


def check_width(lora: Path, outlines: Mapping[str, Outline]) -> None:
    """Makes sure that a LoRA is made for one of the checkpoints at least, as far as headers tell.

    Args:
        outlines: by the name that the user has for the checkpoint.

    Raises:
        WeightsError: for one that is damaged, or made for another family.
    """
    width = text_width(lora)
    if width is None or not outlines or width in {told.text_width for told in outlines.values()}:
        return
    made_for = NAMES[TEXT_WIDTHS[width]] if width in TEXT_WIDTHS else "another family"
    own = ", ".join(f"{name} {told.text_width}" for name, told in outlines.items())
    raise WeightsError(
        f"{lora.name} is made for {made_for}: its text is {width} wide, that of {own}",
        way_out="Use it with a model of the family it was trained on",
    )
