"""The composition root: the only place that turns the names of a project into objects."""

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from animator import modes
from animator.controls import INIT, ControlUnit
from animator.entries import asks_networks
from animator.faces import FaceRules
from animator.modes import Mode
from animator.project import Project
from animator.showing import NO_CONTROLS, Controls, Shown
from animator.sources import Sources
from core.checksum import checksum
from core.devices import ModelPool
from core.hashing import fingerprint
from core.image import Image
from core.weights import FACE_RESTORER, located
from diffusion import backends, controls
from diffusion.backends import Generator
from diffusion.clips.motion_files import lora_path, motion_path
from diffusion.controls import Control, Given
from diffusion.faces import FaceRestorer, face_finder
from diffusion.models.control_files import control_identity, control_path, network_for
from diffusion.seeing import people_finder, words_finder
from media.footage import Footage
from motion import depth, flow
from motion.depth import DepthEstimator
from motion.flow import FlowEstimator

if TYPE_CHECKING:
    from diffusion.clips.studio import ClipStudio
    from diffusion.models.controlnet import Network
    from diffusion.models.loaded import LoadedModel

CLIP, HYBRID = "clip", "hybrid"  # folders in that of a render: a clip in the making; what `hybrid.save` keeps
FLOWS: Mapping[str, tuple[str, Mapping[str, Any]]] = {
    "dis": ("dis", {}),
    "dis-fine": ("dis", {"preset": "fine"}),
    "farneback": ("farneback", {"levels": 5, "window": 21, "iterations": 5, "neighbours": 7}),
    "raft": ("raft", {"updates": 50}),
}  # the flow estimators of `feedback` and `hybrid`: their entries with the options that Deforum gives them


def build_mode(project: Project, folder: Path, pool: ModelPool, out: Path | None = None) -> Mode:
    """The mode that renders a project. Models load when they are first needed.

    Args:
        folder: where the project file lies; relative paths in it start there.
        out: folder of the render: for clips that are not finished, and pictures of steps in between.

    Raises:
        UserError: if a model, picture or option the project names is not to be had.
    """
    known = backends.REGISTRY.options(project.generator)
    given = {"model": project.model, "vae": project.vae}
    options = {name: value for name, value in given.items() if name in known}
    sources = Sources(
        generator=backends.REGISTRY.build(project.generator, options, pool=pool),
        depth=lambda: build_depth(project, folder, pool),
        flow=lambda: build_flow(project, pool),
        flows=lambda name: flow_named(name, pool),
        controls=build_controls(project, folder, pool),
        look=partial(_looked, project, folder, pool),
        finder=lambda model: words_finder(model, pool),
        people=lambda model: people_finder(model, pool),
        faces=lambda rules: build_faces(rules, pool),
        folder=folder,
        clips=(lambda: build_clips(project, folder, pool)) if asks_networks(project.generator) else None,
        scratch=out and out / CLIP,
        kept=out and out / HYBRID,
    )
    mode: Mode = modes.REGISTRY.module(project.mode).build(project, sources)
    return mode


def build_clips(project: Project, folder: Path, pool: ModelPool) -> "ClipStudio":
    """The studio that draws a project's clips: its model, the motion module and motion LoRAs its mode asks for.

    Raises:
        WeightsError: if one of them is not to be had, or does not fit.
    """
    from diffusion.clips.module import load_motion, load_motion_lora
    from diffusion.clips.sparse import load_sparse
    from diffusion.clips.studio import ClipStudio
    from diffusion.models.controlnet import load_control
    from diffusion.models.load import load_model

    model = load_model(project.model, pool, vae=project.vae)
    moves = bool(getattr(modes.REGISTRY.module(project.mode), "MOVES", False))
    module = load_motion(motion_path(project.clip.module, project.model, folder), pool) if moves else None
    loras = [load_motion_lora(one.name, lora_path(one.name, folder)) for one in project.clip.loras] if moves else []
    pictures = project.clip.sparse if moves else None
    sparse = load_sparse(control_path(pictures.model), model, pool) if pictures else None

    def control(name: str, own: "LoadedModel", low_memory: bool) -> "Network":
        return load_control(name, own, pool, low_memory=low_memory)

    return ClipStudio(model, module, loras, sparse, control)


def build_faces(rules: FaceRules, pool: ModelPool) -> Callable[[Image], Image]:
    """What draws the faces of a picture anew. Networks load when the first picture comes.

    Raises:
        WeightsError: if one of them is not to be had.
    """
    from diffusion.models.face_network import face_network

    draw = face_network(located(FACE_RESTORER, rules.model), pool)
    return FaceRestorer(face_finder(rules.finder, pool), draw, rules.share).restored


def build_depth(project: Project, folder: Path, pool: ModelPool) -> DepthEstimator:
    """The depth estimator a project names; `path` among its options starts at the project's folder."""
    options = dict(project.depth.options)
    if "path" in options:
        options["path"] = str(folder / options["path"])
    estimator: DepthEstimator = depth.REGISTRY.build(project.depth.model, options, pool=pool)
    return estimator


def build_flow(project: Project, pool: ModelPool) -> FlowEstimator:
    """The flow estimator that a project's source names, else the one that needs no weights."""
    name, options = (project.source.flow, project.source.options) if project.source else ("dis", {})
    estimator: FlowEstimator = flow.REGISTRY.build(name, options, pool=pool)
    return estimator


def flow_named(name: str, pool: ModelPool) -> FlowEstimator:
    """The flow estimator that `feedback` or `hybrid` calls by one of FLOWS."""
    entry, options = FLOWS[name]
    estimator: FlowEstimator = flow.REGISTRY.build(entry, options, pool=pool)
    return estimator


def build_controls(project: Project, folder: Path, pool: ModelPool) -> Controls:
    """The control units of a project; none where its generator asks no networks.

    Raises:
        UserError: if a control, network or picture a unit names is not to be had.
    """
    if not project.controls or not asks_networks(project.generator):
        return NO_CONTROLS
    shown = [_shown(unit, project, folder, pool) for unit in project.controls]
    estimator = build_depth(project, folder, pool)
    eyes = estimator.identity, build_flow(project, pool).identity
    identity = fingerprint([_unit_identity(one) for one in shown], *eyes)
    return Controls(shown, identity, project.size, seed=max(project.seed, 0), depth=estimator.estimate)


def _shown(unit: ControlUnit, project: Project, folder: Path, pool: ModelPool) -> Shown:
    """One unit with what it names."""
    footage = {name: Footage(folder / Path(text).expanduser(), project.fps) for name, text in unit.files().items()}
    control: Control = controls.REGISTRY.build(unit.control, unit.options, pool=pool)
    return Shown(
        unit,
        str(control_path(unit.model or network_for(unit.control, project.model))),
        control,
        footage.get("source"),
        footage["first"].at(0) if "first" in footage else None,
        footage.get("mask"),
    )


def _unit_identity(shown: Shown) -> list[object]:
    """All that its hints and its network depend on besides the numbers over time."""
    unit = shown.unit
    parts = (shown.footage, shown.mask)
    files = [None if part is None else checksum(part.files()) for part in parts]
    looks = (unit.looked_at, unit.first == INIT, unit.fit, unit.resolution, unit.pixel_perfect)
    acts = (unit.mode, unit.layers, unit.acts_in)
    return [*looks, *acts, shown.control.identity, control_identity(Path(shown.model)), shown.first, *files]


def _looked(
    project: Project, folder: Path, pool: ModelPool, name: str, options: Mapping[str, Any], image: Image
) -> Image:
    """What a control keeps of one picture."""
    control: Control = controls.REGISTRY.build(name, options, pool=pool)
    depths = build_depth(project, folder, pool)
    return control.hint(Given(image, max(project.seed, 0), depth=lambda seen: depths.estimate(seen, 0))).image


def build_generator(name: str, model: str, vae: str, pool: ModelPool) -> Generator:
    """The generator of single pictures that uses a model and an autoencoder; remembered with its encoded prompts.

    When it is another of these than the last, what was loaded for that one is forgotten.

    Raises:
        UnknownName: if there is no such generator.
    """

    def build() -> Generator:
        pool.drop("generator")
        pool.drop("diffusion model")
        known = backends.REGISTRY.options(name)
        options = {key: value for key, value in {"model": model, "vae": vae}.items() if key in known}
        generator: Generator = backends.REGISTRY.build(name, options, pool=pool)
        return generator

    return pool.get("generator", name, (model, vae), build)
