"""Formats by name, ending and purpose; several files from one pass; sound that fits."""

from fractions import Fraction
from itertools import islice

import av
import numpy as np
import pytest

from core.errors import MediaError, UnknownName, UserError
from core.image import Size
from media import verify
from media.exporters import Exporter
from media.formats import Delivery, build, delivering, fitted, fitted_size, format_for, names
from media.purposes import PURPOSES, for_purpose
from media.sound import Soundtrack, portions, read_sound
from media.video import VideoReader, open_video
from tests.media.test_sound import RATE, record_sound, tone

SIZE, FPS = Size(64, 48), Fraction(24)


def picture(n: int, channels: int = 3, size: Size = SIZE) -> np.ndarray:
    image = np.full((size.height, size.width, channels), (40, 8 * n, 160, 200)[:channels], np.uint8)
    image[: size.height // 2] //= 2
    return image


def deliver(folder, named, frames=24, sound=None, fps=FPS, channels=3):
    deliveries = [Delivery(folder / file, build(name)) for file, name in named.items()]
    with delivering(deliveries, SIZE, fps, {"Software": "test"}, sound) as write:
        for n in range(frames):
            write(picture(n, channels))


@pytest.mark.parametrize("name", [name for name in names() if name != "filmstrip"])
def test_every_variant_writes_what_comes_back(name, tmp_path):
    path = tmp_path / f"clip{build(name).suffix}"
    deliver(tmp_path, {path.name: name}, 5)
    with open_video(path, FPS) as video:
        assert (video.info.size, len(list(video))) == (SIZE, 5)


@pytest.mark.parametrize("purpose", PURPOSES)
@pytest.mark.parametrize("has_alpha", [False, True])
def test_every_purpose_has_a_format_that_keeps_what_is_there(purpose, has_alpha):
    assert build(for_purpose(purpose, has_alpha=has_alpha)).keeps_alpha >= has_alpha


@pytest.mark.parametrize("name", ["hap-alfa", "hpa", "mp4-av1", ""])
def test_unknown_formats_are_told_with_the_known(name):
    with pytest.raises(UnknownName, match="hap-alpha"):
        build(name)


def test_wrong_options_are_told():
    with pytest.raises(UnknownName, match="crf"):
        build("mp4", {"crff": 3})
    with pytest.raises(UserError, match=r"crf.*99"):
        build("mp4", {"crf": 99})


def test_an_unknown_ending_is_told(tmp_path):
    with pytest.raises(UserError, match=r"\.mp4"):
        format_for(tmp_path / "a.xyz")


def test_a_size_that_one_format_refuses_begins_no_file(tmp_path):
    deliveries = [Delivery(tmp_path / "a.png", build("filmstrip")), Delivery(tmp_path / "b.mov", build("hap"))]
    with pytest.raises(MediaError, match=r"b\.mov.*pad to 64x48, crop to 60x44"):
        delivering(deliveries, Size(62, 46), FPS, {}).__enter__()
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(("fit", "size"), [("pad", Size(64, 48)), ("crop", Size(60, 44))])
def test_odd_sizes_are_padded_or_cropped_about_the_middle(fit, size, tmp_path):
    assert fitted_size(Size(62, 46), Size(4, 4), fit) == size
    with delivering([Delivery(tmp_path / "a.mov", build("hap"), fit)], Size(62, 46), FPS, {}) as write:
        write(picture(1, size=Size(62, 46)))
    with VideoReader(tmp_path / "a.mov") as video:
        assert video.info.size == size


def test_fitting_keeps_the_middle_and_is_undone_by_itself():
    image = np.random.default_rng(0).integers(0, 256, (47, 61, 4), dtype=np.uint8)
    larger = fitted(image, Size(64, 48))
    assert np.array_equal(fitted(larger, Size(61, 47)), image)
    assert (larger[..., 3].sum() == image[..., 3].sum()) and fitted(image, Size(61, 47)) is image


SOUNDS = {"a.mp4": ("mp4", 2), "a.webm": ("webm", 2), "a.mov": ("prores", 0), "b.mov": ("hap", 0), "a.mkv": ("mkv", 0)}


@pytest.mark.parametrize("file", SOUNDS)
@pytest.mark.parametrize("fps", [FPS, Fraction(30000, 1001)])
def test_sound_lies_where_it_was_and_is_as_long_as_the_pictures(file, fps, tmp_path):
    name, slack = SOUNDS[file]
    record_sound(tmp_path / "tone.wav", tone(2))
    deliver(tmp_path, {file: name}, 24, Soundtrack(tmp_path / "tone.wav"), fps)
    samples, _ = read_sound(tmp_path / file, RATE)
    expected = tone(2)[: round(24 * RATE / fps)]
    assert abs(len(samples) - len(expected)) <= slack * 1024 * (slack > 0)
    shift = max(range(-50, 51), key=lambda k: float(np.dot(samples[4850 + k : 14500 + k, 0], expected[4850:14500, 0])))
    assert shift == 0


def test_a_short_sound_is_looped_or_followed_by_silence(tmp_path):
    path = record_sound(tmp_path / "tone.wav", tone(0.1))
    whole = {
        looped: np.concatenate(list(islice(portions(Soundtrack(path, is_looped=looped), FPS), 12)))
        for looped in (False, True)
    }
    assert len(whole[True]) == len(whole[False]) == RATE // 2
    assert not whole[False][RATE // 10 :].any()
    assert np.array_equal(whole[True][: RATE // 10], whole[True][RATE // 10 : RATE // 5])


def test_a_start_leaves_out_and_a_negative_one_waits(tmp_path):
    path = record_sound(tmp_path / "tone.wav", tone(1))
    later = next(portions(Soundtrack(path, start=Fraction(1, 10)), Fraction(10)))
    waited = next(portions(Soundtrack(path, start=Fraction(-1, 20)), Fraction(10)))
    assert np.abs(later - tone(1)[4800:9600]).max() < 1e-4
    assert not waited[:2400].any() and np.abs(waited[2400:] - tone(1)[:2400]).max() < 1e-4


@pytest.mark.parametrize("tempo", [0.4, 0.8, 1.5])
def test_tempo_changes_the_length_and_keeps_the_pitch(tempo, tmp_path):
    path = tmp_path / "tone.wav"
    t = np.arange(2 * RATE) / RATE
    record_sound(path, np.stack([0.5 * np.sin(2 * np.pi * 440 * t)] * 2, 1).astype(np.float32))
    played = np.concatenate(list(islice(portions(Soundtrack(path, tempo=tempo), Fraction(1)), 8)))
    sounding = np.flatnonzero(np.abs(played[:, 0]) > 0.05)
    assert abs(sounding[-1] / RATE - 2 / tempo) < 0.1
    spectrum = np.abs(np.fft.rfft(played[4800:43200, 0]))
    assert abs(np.argmax(spectrum) * RATE / 38400 - 440) < 5


def test_the_file_starts_at_zero_without_a_gap_at_the_seam(tmp_path):
    deliver(tmp_path, {"a.mp4": "mp4", "b.mp4": "mp4-h265", "c.mov": "prores"})
    for name in ("a.mp4", "b.mp4", "c.mov"):
        with av.open(str(tmp_path / name)) as container:
            packets = [p for p in container.demux(video=0) if p.size]
            assert [p.pts for p in packets] == [p.dts for p in packets]
            assert packets[0].pts == 0 and len({p.duration for p in packets}) == 1


def test_all_intra_makes_every_frame_a_key_frame(tmp_path):
    with build("mp4", {"all_intra": True}).open(tmp_path / "a.mp4", SIZE, FPS, {}) as write:
        for n in range(6):
            write(picture(n))
    with av.open(str(tmp_path / "a.mp4")) as container:
        assert all(p.is_keyframe for p in container.demux(video=0) if p.size)


def test_gif_keeps_its_length_and_says_that_frames_are_uneven(tmp_path, caplog):
    deliver(tmp_path, {"a.gif": "gif"})
    assert "hundredths" in caplog.text
    with VideoReader(tmp_path / "a.gif") as video:
        assert abs(video.info.seconds - 1) <= Fraction(1, 50)
    with pytest.raises(MediaError, match="50"):
        build("gif").check(SIZE, Fraction(60))


@pytest.mark.parametrize(("opacity", "shown"), [(127, 0), (128, 255)])
def test_gif_switches_opacity_on_or_off(opacity, shown, tmp_path):
    image = np.full((SIZE.height, SIZE.width, 4), (200, 180, 60, opacity), np.uint8)
    with delivering([Delivery(tmp_path / "a.gif", build("gif"))], SIZE, FPS, {}) as write:
        for _ in range(3):
            write(image)
    with VideoReader(tmp_path / "a.gif") as video:
        assert all((frame.image[..., 3] == shown).all() for frame in video.rgba())
        assert next(iter(video)).image[5, 5] == pytest.approx([200, 180, 60] if shown else [0, 0, 0], abs=4)


def test_a_folder_with_other_things_in_it_is_left_alone(tmp_path):
    (tmp_path / "frames").mkdir()
    (tmp_path / "frames" / "diary.txt").write_text("mine")
    with pytest.raises(MediaError, match="something else"):
        deliver(tmp_path, {"frames": "png"}, 2)
    assert (tmp_path / "frames" / "diary.txt").read_text() == "mine"


def test_a_filmstrip_shows_evenly_spaced_frames(tmp_path):
    deliver(tmp_path, {"a.png": "filmstrip"}, 30)
    import PIL.Image

    with PIL.Image.open(tmp_path / "a.png") as strip:
        assert strip.size == (10 * 240 + 9 * 4, 180)
        greens = [strip.getpixel((244 * n + 100, 170))[1] for n in range(10)]
    assert greens[0] == 0 and greens[-1] == 8 * 29 and greens == sorted(set(greens))


@pytest.mark.parametrize("order", [1, -1])
def test_a_file_that_fails_in_the_end_leaves_the_others(order, tmp_path):
    def fail(clip, images):
        list(images)
        raise MediaError("came back wrong", where=str(clip.path))

    files = [Delivery(tmp_path / "a.mkv", build("mkv")), Delivery(tmp_path / "b.x", Exporter("x", ".x", fail))]
    with pytest.raises(MediaError, match=r"b\.x: came back wrong"), delivering(files[::order], SIZE, FPS, {}) as write:
        for n in range(3):
            write(picture(n))
    assert [path.name for path in tmp_path.iterdir()] == ["a.mkv"]


@pytest.mark.parametrize("kind", ["png", "exr"])
def test_a_folder_of_pictures_that_came_back_wrong_gets_no_name(kind, tmp_path, monkeypatch):
    from media import pictures

    exporter = build(kind)
    seeing = pictures.Witness.seeing
    monkeypatch.setattr(
        pictures.Witness, "seeing", lambda self, images: (255 - image for image in seeing(self, images))
    )
    with pytest.raises(MediaError, match="came back wrong"), exporter.open(tmp_path / "frames", SIZE, FPS, {}) as write:
        for n in range(3):
            write(picture(n))
    assert not list(tmp_path.iterdir())


def test_a_file_that_came_back_wrong_gets_no_name(tmp_path):
    seen = verify.Witness(has_alpha=True)
    list(seen.seeing(iter([picture(n, 4) for n in range(3)])))
    for frames, channels in ((2, 4), (3, 3)):
        deliver(tmp_path, {"a.mkv": "mkv"}, frames, channels=channels)
        with pytest.raises(MediaError, match="came back wrong"):
            seen.compare(tmp_path / "a.mkv", tmp_path / "a.mkv", SIZE, FPS)
