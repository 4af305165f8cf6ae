"""Names of a motion module's tensors: those of original files, and diffusers'. Imports no torch."""

import re

PART = re.compile(r"(?:down_blocks\.\d+|mid_block|up_blocks\.\d+)\.motion_modules\.\d+\..+")
RENAMED = (  # (in an original file, in diffusers)
    (".temporal_attentions.", ".motion_modules."),
    (".temporal_transformer.", "."),
    (".attention_blocks.0.", ".attn1."),
    (".attention_blocks.1.", ".attn2."),
    (".norms.0.", ".norm1."),
    (".norms.1.", ".norm2."),
    (".ff_norm.", ".norm3."),
    ("positional_encoding", "pe"),
)
_POSITIONS = re.compile(r"\.attn[12]\.pos_encoder\.pe$")


def diffusers_name(key: str) -> str | None:
    """A tensor's name in diffusers; of both tables of positions in a block the one it has. None for other tensors."""
    name = _POSITIONS.sub(".pos_embed.pe", renamed(key))
    return name if PART.fullmatch(name) else None


def renamed(key: str) -> str:
    """The words of a key as diffusers has them."""
    name = key.removeprefix("module.").removeprefix("unet.")
    for original, ours in RENAMED:
        name = name.replace(original, ours)
    return name
