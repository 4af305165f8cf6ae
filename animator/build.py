"""The composition root: the only place that turns the names of a project into objects."""

from pathlib import Path

from animator import modes
from animator.modes import Mode
from animator.project import Project
from animator.sources import Sources
from core.devices import ModelPool
from diffusion import backends
from diffusion.backends import Generator
from motion import depth
from motion.depth import DepthEstimator


def build_mode(project: Project, folder: Path, pool: ModelPool) -> Mode:
    """The mode that renders a project. Models load when they are first needed.

    Args:
        folder: where the project file lies; relative paths in it start there.

    Raises:
        UserError: if a model, picture or option the project names is not to be had.
    """
    known = backends.REGISTRY.options(project.generator)
    given = {"model": project.model, "vae": project.vae}
    options = {name: value for name, value in given.items() if name in known}
    sources = Sources(
        generator=backends.REGISTRY.build(project.generator, options, pool=pool),
        depth=lambda: build_depth(project, folder, pool),
        folder=folder,
    )
    mode: Mode = modes.REGISTRY.module(project.mode).build(project, sources)
    return mode


def build_depth(project: Project, folder: Path, pool: ModelPool) -> DepthEstimator:
    """The depth estimator a project names; `path` among its options starts at the project's folder."""
    options = dict(project.depth.options)
    if "path" in options:
        options["path"] = str(folder / options["path"])
    estimator: DepthEstimator = depth.REGISTRY.build(project.depth.model, options, pool=pool)
    return estimator


def build_generator(name: str, model: str, pool: ModelPool) -> Generator:
    """The generator of single pictures that uses a model; remembered with its encoded prompts.

    When it is another model than the last, what was loaded for that one is forgotten.

    Raises:
        UnknownName: if there is no such generator.
    """

    def build() -> Generator:
        pool.drop("generator")
        pool.drop("diffusion model")
        options = {"model": model} if "model" in backends.REGISTRY.options(name) else {}
        generator: Generator = backends.REGISTRY.build(name, options, pool=pool)
        return generator

    return pool.get("generator", name, model, build)
