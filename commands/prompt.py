"""`prompt`: what a prompt means, step by step. Loads no model."""

import dataclasses
import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from commands.terminal import AsJson, say

if TYPE_CHECKING:
    from diffusion.prompt.explain import Explanation, Span

StyleFiles = Annotated[
    list[Path] | None, typer.Option("--styles", metavar="FILE.csv", help="Files of styles, as the web UI writes them.")
]
StyleNames = Annotated[
    list[str] | None, typer.Option("--style", metavar="NAME", help="A style to apply; may be repeated.")
]


def command(
    text: Annotated[str, typer.Argument(help="A prompt, as for the web UI.")],
    steps: Annotated[int, typer.Option("--steps", help="Sampling steps.")] = 20,
    sampler: Annotated[str, typer.Option("--sampler", help="Second-order ones ask twice a step.")] = "Euler a",
    styles: StyleFiles = None,
    style: StyleNames = None,
    as_json: AsJson = False,
) -> None:
    """Explain a prompt: parts joined by AND, the text of every step, weights, tags, tokens and chunks."""
    from diffusion.models.tokenizer import clip_tokenizer
    from diffusion.prompt.explain import explain
    from diffusion.prompt.styles import load_styles, styled
    from diffusion.sampling.names import SAMPLERS, resolve

    calls = steps * SAMPLERS[resolve(sampler).sampler].calls_per_step
    text, _ = styled(text, "", style or (), load_styles(styles or ()))
    found = explain(text, calls, clip_tokenizer(pads_with_zero=False))
    if as_json:
        say(json.dumps(_told(found), indent=1, ensure_ascii=False))
    else:
        _print(found)


def _told(found: "Explanation") -> dict[str, Any]:
    """All of it as JSON data; pieces and parts as objects with their names."""
    return {
        "text": found.text,
        "calls": found.steps,
        "tags": [dataclasses.asdict(network) for network in found.networks],
        "parts": [
            {
                "weight": part.weight,
                "spans": [
                    {
                        **{field.name: getattr(span, field.name) for field in dataclasses.fields(span)},
                        "pieces": [{"text": piece.text, "weight": piece.weight} for piece in span.pieces],
                    }
                    for span in part.spans
                ],
            }
            for part in found.parts
        ],
    }


def _print(found: "Explanation") -> None:
    """A paragraph for each part, a line for each text, an indented line for each weight that is not 1."""
    for network in found.networks:
        facts = ", ".join(f"{name} {value}" for name, value in dataclasses.asdict(network).items() if value is not None)
        say(f"tag: {facts}")
    for number, part in enumerate(found.parts, 1):
        if len(found.parts) > 1 or part.weight != 1:
            say(f"part {number} of {len(found.parts)}, weight {part.weight:g}")
        for span in part.spans:
            say(_line(span, found.steps))
            for piece in span.pieces:
                if piece.weight != 1:
                    say(f"    {piece.weight:8.4g}  {piece.text}" if piece.text != "BREAK" else "           BREAK")


def _line(span: "Span", calls: int) -> str:
    """Which calls, how many tokens, and the text."""
    if span.last < span.first:
        when = "never"
    else:
        when = "always" if span.last - span.first == calls - 1 else f"calls {span.first + 1}-{span.last + 1}"
    return f"  {when:14} {span.tokens}/{span.places} tokens  {span.text!r}"
