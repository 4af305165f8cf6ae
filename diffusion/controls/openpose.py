"""Bodies, hands and faces as stick figures: OpenPose or DWPose from a local folder."""

from dataclasses import dataclass
from typing import Any, Literal

from core.devices import ModelPool, chosen_device
from core.errors import MissingLibrary, UserError, WeightsError
from core.hashing import file_fingerprint, fingerprint
from core.weights import local_path
from diffusion.controls import Control
from diffusion.controls._annotator import Annotator, Learned, aux, with_weights

Method = Literal["openpose", "dwpose"]
OPENPOSE = Annotator("OpenposeDetector", ("body_pose_model.pth", "hand_pose_model.pth", "facenet.pth"))
DWPOSE_FILES = ("yolox_l.pth", "dw-ll_ucoco_384.pth")


@dataclass(frozen=True, slots=True)
class Options:
    """Who sees the bodies, and what of them is drawn."""

    method: Method = "openpose"  # dwpose sees hands and faces better; it needs the packages mmdet and mmpose, too
    model: str = ""  # folder with body_pose_model.pth, hand_pose_model.pth, facenet.pth; or with DWPose's two files
    body: bool = True  # openpose only: draw limbs
    hands: bool = False  # openpose only: draw fingers
    face: bool = False  # openpose only: draw faces


def build(options: Options, pool: ModelPool) -> Control:
    """The control.

    Raises:
        MissingLibrary: without controlnet-aux, or for dwpose without mmdet and mmpose.
        WeightsError: without its weights.
        UserError: if nothing is to be drawn.
    """
    if options.method == "dwpose":
        return _dwpose(options, pool)
    if not (options.body or options.hands or options.face):
        raise UserError("the control openpose is to draw nothing", way_out="Switch on body, hands or face")
    settings = {"include_body": options.body, "include_hand": options.hands, "include_face": options.face}
    return with_weights("openpose", OPENPOSE, options.model, settings, pool)


def _dwpose(options: Options, pool: ModelPool) -> Learned:
    """DWPose, whose class takes files instead of a folder."""
    way_out = f"Give its option model: a folder with {' and '.join(DWPOSE_FILES)}"
    if not options.model:
        raise WeightsError("the control openpose needs weights", way_out=way_out)
    folder = local_path(options.model, purpose="weights of the control openpose")
    files = [folder / name for name in DWPOSE_FILES]
    if missing := [file.name for file in files if not file.is_file()]:
        raise WeightsError(f"dwpose does not find {', '.join(missing)}", where=str(folder), way_out=way_out)
    detector = aux("openpose").DWposeDetector

    def load() -> Any:
        try:
            return detector(det_ckpt=str(files[0]), pose_ckpt=str(files[1]), device=str(chosen_device()))
        except ImportError as fault:
            raise MissingLibrary(f"dwpose ({fault})", "mmpose (with mmcv, mmdet and mmengine)", "controls") from fault

    return Learned(
        pool.get("control", "DWposeDetector", str(folder), load),
        {},
        fingerprint("openpose", "dwpose", [file_fingerprint(file) for file in files]),
    )
