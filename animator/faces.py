"""Faces: which faces of generated pictures are drawn anew, and by which networks."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from core.errors import Fault, WeightsError
from core.hashing import fingerprint
from core.weights import FACE_FINDER, FACE_RESTORER, located, weights_checksum

if TYPE_CHECKING:
    from animator.project import Project

FINDER = "centerface"
FETCH = "render.py models fetch faces"
TOGETHER = ("clip", "morph", "stylize")  # modes whose pictures are not drawn one by one


@dataclass(frozen=True, slots=True)
class FaceRules:
    """Faces of every generated picture drawn anew by a network that knows faces, before the next grows out of it."""

    model: str = "GFPGANv1.4"  # who draws: a GFPGAN or RestoreFormer, a path or a file in GFPGAN of a models folder
    finder: str = FINDER  # who looks for faces: a CenterFace as ONNX, a path or a name; models fetch faces
    share: Annotated[float, Field(ge=0, le=1)] = 1.0  # 0..1; how much of the new faces is laid over


def face_identity(rules: FaceRules) -> str:
    """Of all that faces depend on: who looks, who draws, and how much of it shows.

    Raises:
        WeightsError: if a network is not to be had.
    """
    files = (located(FACE_RESTORER, rules.model), located(FACE_FINDER, rules.finder))
    return fingerprint(*(weights_checksum(file, (file,)) for file in files), rules.share)


def face_faults(project: "Project") -> Iterator[Fault]:
    """What is wrong with the section `faces`."""
    rules = project.faces
    if rules is None:
        return
    if project.mode in TOGETHER:
        yield Fault("faces", f"has no effect in mode {project.mode}", "Leave it out")
    for field, kind, name in (("model", FACE_RESTORER, rules.model), ("finder", FACE_FINDER, rules.finder)):
        try:
            located(kind, name)
        except WeightsError as fault:
            way_out = f"{fault.way_out}; or {FETCH}" if kind is FACE_FINDER else fault.way_out
            yield Fault(f"faces.{field}", fault.what, way_out)
