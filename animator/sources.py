"""Sources: what modes are made of, with every name already turned into an object."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from math import lcm
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np

from animator.closing import Ring
from animator.coherence import CoherenceRules, remembered_palette
from animator.faces import FaceRules, face_identity
from animator.feedback import Feedback, Looker, Palette
from animator.generation import Generation
from animator.guided import Guide, guide_keys
from animator.hearing import series_of
from animator.hybrid import Hybrid
from animator.inputs import InputFrames, VideoRules
from animator.masks import MaskRules, Masks, Named, adjusted
from animator.project import Project
from animator.serialize import FIRST_FRAME, VIDEO, named_files
from animator.showing import Controls
from animator.stylizing import Stylizing
from animator.timeline import checkpoints, tracks_of
from animator.watching import Annotate, Clip, Watcher
from core.checksum import checksum
from core.errors import UserError
from core.hashing import array_fingerprint, file_fingerprint, fingerprint
from core.image import Image, Mask, Size, resized
from diffusion.backends import Generator
from diffusion.models.files import drawing_identity, model_path
from diffusion.upscalers import identity as upscaler_identity
from media.footage import Footage
from media.read import read_image, read_image_and_alpha
from media.stills import write_png
from motion.depth import DepthEstimator
from motion.flow import FlowEstimator

if TYPE_CHECKING:
    from diffusion.clips.studio import ClipStudio

SEEN = ("init", "color", "video", "hybrid", "mask", "guide")  # sections whose files are seen in pictures

Finder = Callable[[Image, str], Mask]  # where a picture shows what words say


@dataclass(frozen=True, slots=True)
class Sources:
    """The generator, the estimators and the pictures of one project."""

    generator: Generator
    depth: Callable[[], DepthEstimator]  # built when a mode asks for it
    flow: Callable[[], FlowEstimator]  # the project's, likewise
    flows: Callable[[str], FlowEstimator]  # by name, likewise
    controls: Controls  # the control units of the project
    look: Callable[[str, Mapping[str, Any], Image], Image]  # what a control keeps of a picture; by name and options
    finder: Callable[[str], Finder]  # by the name of a model, likewise
    people: Callable[[str], Finder]  # by the weights of a matting network, likewise
    faces: Callable[[FaceRules], Callable[[Image], Image]]  # draws faces anew, likewise
    folder: Path  # relative paths of pictures start here
    clips: "Callable[[], ClipStudio] | None" = None  # draws clips; None where the generator has no model
    moving: str = ""  # identity of the motion module and its LoRAs
    scratch: Path | None = None  # where a clip in the making is kept
    kept: Path | None = None  # where pictures of steps in between go, where they are asked for
    readers: dict[VideoRules, InputFrames] = field(default_factory=dict)  # every video is opened once

    def picture(self, path: str, size: Size) -> Image:
        """A picture the project names, at the size of its frames."""
        return resized(read_image(self._path(path)), size, "lanczos")

    def video(self, project: Project) -> InputFrames:
        """The frames of a project's video.

        Raises:
            UserError: if it has none.
        """
        if project.video is None:
            _no_video(0)
        return self._frames(project.video, project.size)

    def feedback(self, project: Project, look: Looker, *identity: object) -> Feedback:
        """The feedback loop of a project, moved by `look`; `identity` is all that `look` depends on."""
        init = self.init(project)
        start = project.init or project.guide
        denoise = start.denoise if start else 0.0
        ring, palette = Ring.of(project), self.palette(project)
        hybrid, meeting = self.hybrid(project), self._flow(project.feedback.flow_cadence)
        rules = (ring, project.warp, project.cadence, denoise, project.hybrid)
        seers = [one.identity for one in (hybrid.flow if hybrid else None, meeting) if one is not None]
        return Feedback(
            identity=fingerprint(*identity, self.identity(project), *rules, *seers),
            generation=self.generation(project, init),
            look=look,
            cadence=project.cadence,
            palette=palette,
            init=init,
            init_denoise=denoise,
            hybrid=hybrid,
            meeting=meeting,
            flow=self.flow,
            ring=ring if ring and ring.method == "closed" else None,
        )

    def stylizing(self, project: Project) -> Stylizing:
        """The mode that draws over a project's clip."""
        source = project.source
        assert source is not None
        estimator = self.flow()
        clip = Clip(source, self.footage(project), project.size)
        colors = self.palette(project)
        palette = None if colors.given is None else colors.measured(colors.given(0))
        print_ = None if palette is None else array_fingerprint(palette.shares)
        rules = (source, project.color, project.size, project.fps, estimator.identity, checksum(clip.files()), print_)
        return Stylizing(
            identity=fingerprint("stylize", self.generator.identity, _models(project), self.controls.identity, *rules),
            generator=self.generator,
            watcher=Watcher(clip, estimator, project.frames, cuts=source.cuts, annotate=self._annotated(project)),
            size=project.size,
            color=project.color,
            palette=palette,
            grain=source.grain,
            controls=self.controls,
        )

    def _annotated(self, project: Project) -> Annotate:
        """What makes the hints of a frame before its turn; none for units without weight there."""
        tracks = tracks_of(project, series_of(project, self.folder))
        return lambda index, image: self.controls.ahead([track.at(index) for track in tracks], index, image)

    def footage(self, project: Project) -> Footage:
        """The pictures of a project's clip, for one reader."""
        assert project.source is not None
        return Footage(self.folder / Path(project.source.clip).expanduser(), project.fps)

    def identity(self, project: Project) -> str:
        """Of everything that takes part in every picture, whatever the mode: models, pictures, rules."""
        prints = [self._print(text) for field, text in named_files(project) if field.startswith(SEEN)]
        redo = self._flow(project.feedback.flow_redo)
        depths = [self.depth().identity] if project.hybrid and project.hybrid.needs_depth else []
        rules = (project.color, project.size, project.feedback, project.mask, project.guide, project.video)
        faces = [] if project.faces is None else [face_identity(project.faces)]
        seer = [] if redo is None else [redo.identity]
        return fingerprint(
            self.generator.identity, self.controls.identity, _models(project), *prints, *rules, *seer, *depths, *faces
        )

    def init(self, project: Project) -> Image | None:
        """What the first frame starts from: the init picture, else the first picture of the guide."""
        if project.init is not None:
            path = project.init.image
            return self.video(project).at(0) if path == VIDEO else self.picture(path, project.size)
        guide = self._guide(project)
        return None if guide is None else guide.first()

    def generation(self, project: Project, init: Image | None) -> Generation:
        """Who draws the pictures of a project."""
        return Generation(
            generator=self.generator,
            size=project.size,
            rules=project.feedback,
            masks=None if project.mask is None else self._masks(project, project.mask, init),
            guide=self._guide(project),
            flow=self._flow(project.feedback.flow_redo),
            controls=self.controls,
            faces=None if project.faces is None else self.faces(project.faces),
        )

    def palette(self, project: Project) -> Palette:
        """Whose colours a project keeps."""
        rules = project.color
        return Palette(rules, remembered_palette(rules), self._colors(project, rules))

    def hybrid(self, project: Project) -> Hybrid | None:
        """The video that takes part in a project's frames."""
        rules = project.hybrid
        if rules is None:
            return None
        return Hybrid(
            rules=rules,
            frame=self.video(project).at if project.video is not None else _no_video,
            flow=self._flow(rules.flow if rules.motion == "flow" else "none"),
            depth=self.depth().estimate if rules.needs_depth else None,
            picture=self.picture(rules.picture, project.size) if rules.picture else None,
            keep=self._kept if rules.save and self.kept is not None else None,
        )

    def _kept(self, index: int, what: str, picture: Image) -> None:
        """Writes a picture of a step in between."""
        assert self.kept is not None
        self.kept.mkdir(parents=True, exist_ok=True)
        write_png(self.kept / f"{index:06d}.{what}.png", picture)

    def _colors(self, project: Project, rules: CoherenceRules) -> Callable[[int], Image] | None:
        if rules.reference == FIRST_FRAME or rules.match == "none":
            return None
        if rules.reference == VIDEO:
            frames, step = self.video(project), lcm(rules.every, project.cadence)
            return lambda index: frames.at(index - index % step)
        picture = self.picture(rules.reference, project.size)
        return lambda _index: picture

    def _masks(self, project: Project, rules: MaskRules, init: Image | None) -> Masks:
        """The masks of a project, with what they name."""
        names: dict[str, Named] = {}
        size = project.size
        if found := self._file_mask(project, rules):
            names["video_mask"] = found
        background = None if init is None else (lambda _index: init)
        if project.video is not None:
            frames = self.video(project)
            background = frames.at if rules.behind == "video" else background
            if rules.people:
                finder = self.people(rules.people)
                names["human_mask"] = lambda index: finder(frames.at(index), "")
        return Masks(
            rules=rules,
            size=size,
            names=names,
            file=lru_cache(maxsize=8)(lambda path: adjusted(read_image(self._path(path)), MaskRules(), size)),
            words=self.finder(rules.words_model) if "<" in rules.draw + rules.noise else None,
            background=background,
        )

    def _file_mask(self, project: Project, rules: MaskRules) -> Named | None:
        """{video_mask}: the opacity of the init picture, else the frames of a picture or video."""
        size = project.size
        if rules.alpha and project.init is not None and project.init.image != VIDEO:
            _, opacity = read_image_and_alpha(self._path(project.init.image))
            if opacity.min() < 1 and opacity.max() > 0:
                levels = np.repeat(np.rint(opacity * 255).astype(np.uint8)[..., None], 3, axis=2)
                mask = adjusted(levels, rules, size)
                return lambda _index: mask
        if rules.video is None:
            return None
        frames = self._frames(rules.video, size)
        last = frames.count - 1  # whose mask stays, as that of a still does
        mask_at = lru_cache(maxsize=2)(lambda place: adjusted(frames.at(place), rules, size))
        return lambda index: mask_at(min(index, last))

    def _guide(self, project: Project) -> Guide | None:
        if project.guide is None:
            return None
        keys = guide_keys(project.guide.images, project.frames, project.seed)
        paths = tuple(keys.values())
        return Guide(tuple(keys), lru_cache(maxsize=2)(lambda place: self.picture(paths[place], project.size)))

    def _flow(self, name: str) -> FlowEstimator | None:
        return None if name == "none" else self.flows(name)

    def _frames(self, rules: VideoRules, size: Size) -> InputFrames:
        if rules not in self.readers:
            self.readers[rules] = InputFrames(self._path(rules.file), rules, size)
        return self.readers[rules]

    def _print(self, path: str) -> str:
        """The fingerprint of a picture, video or folder."""
        found = self._path(path)
        if found.is_file():
            return str(file_fingerprint(found))
        return InputFrames(found, VideoRules(path), Size(8, 8)).identity

    def _path(self, path: str) -> Path:
        return self.folder / Path(path).expanduser()


def _no_video(_frame: int) -> NoReturn:
    raise UserError("there is no video", where="video", way_out="Give video.file")


def _models(project: Project) -> dict[str, str]:
    """The identities of all models that a project names besides its own, and of its upscaler."""
    others = [project.refiner.model] if project.refiner else []
    others += [project.hires.model] if project.hires else []
    found = {name: drawing_identity(model_path(name)) for name in {*checkpoints(project), *others} if name}
    return found | ({"upscaler": upscaler_identity(project.hires.upscaler)} if project.hires else {})
