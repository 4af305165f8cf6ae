"""`image`: single pictures, variants in grids, pictures from pictures; each says how it was made."""

import json
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from commands.terminal import AsJson, Compile, Memory, ModelsFolders, Precision, VaePrecision, say, warn

if TYPE_CHECKING:
    from animator.orders.asked import Asked
    from animator.orders.drawing import Made

Out = Annotated[
    Path, typer.Option("--out", "-o", help="A picture (.png, .jpg, .webp), or a folder where names are chosen.")
]
Option = typer.Option


def command(
    prompt: Annotated[str, typer.Argument(help="What to show, in the web UI's prompt language.")] = "",
    out: Out = Path("renders/images"),
    negative: Annotated[str, Option("--negative", "-n", help="What not to show.")] = "",
    seed: Annotated[str, Option(help="Of the first picture; -1, or none, draws one.")] = "",
    size: Annotated[str, Option(metavar="WxH", help="In pixels; else what the model draws best, or the init's.")] = "",
    steps: Annotated[str, Option(help="Of the sampler.")] = "",
    cfg: Annotated[str, Option(help="Guidance scale.")] = "",
    sampler: Annotated[str, Option(help='As people write it: "DPM++ 2M Karras".')] = "",
    schedule: Annotated[str, Option(help="Noise schedule; else the sampler's own.")] = "",
    model: Annotated[str, Option(help="A name, a path, a hub id.")] = "",
    vae: Annotated[str, Option(help="Autoencoder: automatic, none, taesd, a name, a path.")] = "",
    preset: Annotated[str, Option(help="Recipe of a few-step model: lcm, turbo, lightning-4 ...")] = "",
    count: Annotated[str, Option(help="Batches.")] = "",
    batch_size: Annotated[str, Option(help="Pictures in a batch.")] = "",
    style: Annotated[list[str] | None, Option(help="A style by name; may be given many times.")] = None,
    styles_file: Annotated[list[Path] | None, Option(help="CSV with styles; else styles.csv here, if any.")] = None,
    settings: Annotated[
        list[str] | None, Option("--set", metavar="NAME=VALUE", help="Any other setting, as clip_skip=2.")
    ] = None,
    origin: Annotated[Path | None, Option("--from", help="Repeat this picture; other options change it.")] = None,
    hires: Annotated[str, Option(metavar="SCALE|WxH", help="A second pass at a larger size.")] = "",
    upscaler: Annotated[str, Option(help="Of the second pass, or of an init smaller than --size.")] = "",
    denoise: Annotated[str, Option(help="0..1; of image to image or the second pass.")] = "",
    init: Annotated[Path | None, Option(help="A picture or folder to start from.")] = None,
    mask: Annotated[Path | None, Option(help="White is drawn anew; a picture or folder.")] = None,
    resize: Annotated[str, Option(help="Of the init: stretch, crop, fill, latent.")] = "",
    mask_blur: Annotated[str, Option(metavar="N|XxY", help="Soft edge of the mask, in pixels.")] = "",
    invert_mask: Annotated[bool, Option("--invert-mask", help="Draw anew what is not masked.")] = False,
    content: Annotated[str, Option(help="Under the mask: fill, original, latent noise, latent nothing.")] = "",
    only_masked: Annotated[bool, Option("--only-masked", help="Draw the masked part alone, at full size.")] = False,
    padding: Annotated[str, Option(help="Pixels around it that are seen.")] = "",
    keep_colors: Annotated[bool, Option("--keep-colors", help="Correct colours to those of the init.")] = False,
    seed_step: Annotated[int, Option(help="Added to the seed from one init of a folder to the next.")] = 0,
    info: Annotated[str, Option(metavar="NAMES", help="Settings from the inits' own infotexts: prompt,seed.")] = "",
    loops: Annotated[str, Option(help="How often a result is the next init.")] = "",
    final_denoise: Annotated[str, Option(help="Strength of the last loop.")] = "",
    curve: Annotated[str, Option(help="How it goes there: aggressive, linear, lazy.")] = "",
    control: Annotated[
        list[str] | None,
        Option(metavar="NAME[:WEIGHT[:START-END]]", help="A control network, as canny:0.8."),
    ] = None,
    control_image: Annotated[
        list[str] | None, Option(metavar="FILE|auto", help="What it looks at; else the init. One for each, or for all.")
    ] = None,
    control_model: Annotated[
        list[str] | None, Option(metavar="NAME|auto", help="Its network; else the one there is for the control.")
    ] = None,
    control_set: Annotated[
        list[str] | None, Option(metavar="[N.]FIELD=VALUE", help="Any other setting, as 1.mode=prompt, options.low=50.")
    ] = None,
    x: Annotated[str, Option(metavar="NAME: VALUES", help='Columns of a grid: "steps: 10, 20, 30".')] = "",
    y: Annotated[str, Option(metavar="NAME: VALUES", help='Rows: "cfg: 4-10 (+3)".')] = "",
    z: Annotated[str, Option(metavar="NAME: VALUES", help="Grids side by side.")] = "",
    matrix: Annotated[bool, Option("--matrix", help="All combinations of the prompt's parts: a|b|c.")] = False,
    matrix_rules: Annotated[str, Option(help="at-start, different-seeds, space, negative.")] = "",
    prompts: Annotated[Path | None, Option(help="A file with a prompt, or options, on each line.")] = None,
    prompts_rules: Annotated[str, Option(help="count-seed, at-end.")] = "",
    grid: Annotated[bool, Option(help="Lay several pictures out in one, too.")] = True,
    singles: Annotated[bool, Option(help="Keep the pictures of a grid.")] = True,
    rows: Annotated[int, Option(min=0, help="Of a grid; 0 makes it about square.")] = 0,
    margin: Annotated[int, Option(min=0, max=1000, help="Pixels between pictures of a grid.")] = 0,
    picture_format: Annotated[str, Option("--format", help="Of names that are chosen: png, jpg, webp.")] = "png",
    names: Annotated[str, Option(metavar="PATTERN", help="Of files in a folder: [date]/[seed]-[prompt_spaces].")] = "",
    generator: Annotated[str, Option(help="Who draws; noise is for tests.")] = "stills",
    overwrite: Annotated[bool, Option("--overwrite", help="Replace files that are in the way.")] = False,
    models_dir: ModelsFolders = None,
    memory: Memory = "",
    precision: Precision = "",
    vae_precision: VaePrecision = "",
    compile_: Compile = False,
    as_json: AsJson = False,
) -> int:
    """Make pictures from text, from pictures, and in grids; each says how it was made, and can be repeated."""
    given = dict(locals())
    return _draw(_asked(given), may_replace=overwrite, as_json=as_json)


CONTROL_OPTIONS = ("control", "control_image", "control_model", "control_set")
SAME_NAME = (
    "prompt", "negative", "seed", "size", "steps", "cfg", "sampler", "schedule", "model", "vae", "count", "batch_size",
    "resize", "content", "padding", "loops", "final_denoise", "curve",
)  # fmt: skip


def _asked(given: dict[str, Any]) -> "Asked":
    """The options as what is asked for."""
    from animator.orders.asked import Asked
    from animator.orders.files import Target
    from animator.orders.naming import Naming
    from animator.orders.units import UnitsAsked
    from animator.orders.variants import LineRules

    prompt_rules = _words(given["prompts_rules"], ("count-seed", "at-end"), "--prompts-rules")
    styles = given["styles_file"] or [path for path in (Path("styles.csv"),) if path.is_file() and given["style"]]
    naming = Naming(given["names"], datetime.now().astimezone()) if given["names"] else None
    axes = {f"--{name}": given[name] for name in "xyz" if given[name]}
    return Asked(
        changes=tuple(_changes(given)),
        target=Target(given["out"], f".{given['picture_format'].lower().lstrip('.')}", naming),
        origin=given["origin"],
        init=given["init"],
        mask=given["mask"],
        information=_information(given["info"]),
        seed_step=given["seed_step"],
        axes=axes,
        matrix=_matrix_rules(given),
        prompts=given["prompts"],
        line_rules=LineRules("count-seed" in prompt_rules, "at-end" in prompt_rules),
        styles=tuple(styles),
        units=UnitsAsked(*(tuple(given[name] or ()) for name in CONTROL_OPTIONS)),
        generator=given["generator"],
        grid=given["grid"],
        singles=given["singles"],
        rows=given["rows"],
        margin=given["margin"],
    )


def _changes(given: dict[str, Any]) -> list[tuple[str, str]]:
    """The options that are settings, as (name, value); those that make a part of the order come first."""
    hires = given["hires"]
    changes = _recipe(given["preset"]) if given["preset"] else []
    changes += [("hires_size" if "x" in hires.lower() else "hires_scale", hires)] if hires else []
    upscaler = "img2img_upscaler" if given["init"] and not hires else "hires_upscaler"
    changes += [(upscaler, given["upscaler"])] if given["upscaler"] else []
    changes += [(name, given[name]) for name in SAME_NAME if given[name]]
    changes += [("denoise", given["denoise"])] if given["denoise"] else []
    across, times, down = given["mask_blur"].lower().partition("x")
    changes += [("mask_blur_x", across), ("mask_blur_y", down if times else across)] if given["mask_blur"] else []
    flags = {"invert_mask": ("mask_mode", "not masked"), "only_masked": ("area", "only masked")}
    flags["keep_colors"] = ("keep_colors", "true")
    changes += [change for name, change in flags.items() if given[name]]
    changes += [("styles", ",".join(given["style"]))] if given["style"] else []
    for text in given["settings"] or ():
        name, equals, value = text.partition("=")
        changes.append((name.strip(), value if equals else ""))
    return changes


def _recipe(name: str) -> list[tuple[str, str]]:
    """What a preset sets; raises UnknownName if there is none."""
    from diffusion.sampling.presets import preset

    found = preset(name)
    return [
        ("sampler", found.sampler),
        ("schedule", found.schedule),
        ("steps", str(found.steps)),
        ("cfg", str(found.cfg)),
    ]


def _matrix_rules(given: dict[str, Any]) -> Any:
    """The rules of a prompt matrix, None where none is asked for."""
    from animator.orders.variants import MatrixRules

    words = _words(given["matrix_rules"], ("at-start", "different-seeds", "space", "negative"), "--matrix-rules")
    if not given["matrix"]:
        return None
    delimiter: Any = "space" if "space" in words else "comma"
    return MatrixRules("at-start" in words, "different-seeds" in words, delimiter, "negative" in words)


def _information(text: str) -> tuple[str, ...]:
    """Labels of the settings named in a list."""
    from animator.orders.settings import setting

    return tuple(setting(name).label for name in text.split(",") if name.strip())


def _words(text: str, known: tuple[str, ...], option: str) -> set[str]:
    """The words of a list.

    Raises:
        UnknownName: for one that is not known.
    """
    from core.errors import UnknownName

    words = {word.strip() for word in text.split(",") if word.strip()}
    for word in words - {*known}:
        raise UnknownName("rule", word, known, where=option)
    return words


def _draw(asked: "Asked", *, may_replace: bool, as_json: bool) -> int:
    """Draws with a progress bar that shows the time left, then says what was made."""
    from animator.orders.asked import prepared
    from commands.progress import progress
    from core.devices import ModelPool

    run, warnings = prepared(asked, ModelPool())
    for text in warnings:
        warn(text)
    run.check(may_replace=may_replace)
    made: list[dict[str, Any]] = []
    with progress("image", run.total, 0, unit="picture") as advance:
        for picture, path in run.pictures():
            made.append(_told(picture, path))
            advance()
            if not as_json and path is not None:
                say(f"{path}  seed {picture.order.seed}")
    if as_json:
        say(json.dumps({"pictures": made, "grid": str(run.grid_path) if run.grid_path else None}, indent=2))
    elif run.grid_path:
        say(f"{run.grid_path}  grid of {len(made)}")
    return 0


def _told(picture: "Made", path: Path | None) -> dict[str, Any]:
    """A picture as JSON data."""
    return {
        "path": str(path) if path else None,
        "seed": picture.order.seed,
        "size": [*picture.size],
        "prompt": picture.infotext.prompt,
        "negative": picture.infotext.negative,
        "settings": dict(picture.infotext.fields),
    }
