import hashlib
import os

from core.checksum import WORTH_IT, checksum


def write(path, byte, *, at):
    path.write_bytes(byte * WORTH_IT)
    os.utime(path, ns=(at, at))
    return path


def test_one_file_has_the_hash_the_web_ui_shows(tmp_path):
    path = write(tmp_path / "a", b"x", at=1)
    assert checksum([path]) == hashlib.sha256(b"x" * WORTH_IT).hexdigest()


def test_a_file_that_did_not_change_is_not_read_again(tmp_path):
    path = write(tmp_path / "a", b"x", at=1)
    before = checksum([path])
    write(path, b"y", at=1)  # same size and time: only reading would tell
    assert checksum([path]) == before


def test_a_file_that_changed_is_read_again(tmp_path):
    path = write(tmp_path / "a", b"x", at=1)
    before = checksum([path])
    write(path, b"y", at=2)
    assert checksum([path]) != before


def test_a_damaged_memory_is_no_harm(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    path = write(tmp_path / "a", b"x", at=1)
    before = checksum([path])
    (tmp_path / "driftloop" / "checksums.json").write_text("[" * 100_000)
    assert checksum([path]) == before


def test_the_order_of_files_matters_and_their_names_do_not(tmp_path):
    a, b = write(tmp_path / "a", b"x", at=1), write(tmp_path / "b", b"y", at=1)
    moved = write(tmp_path / "c", b"x", at=1)
    assert checksum([a, b]) != checksum([b, a])
    assert checksum([a, b]) == checksum([moved, b])
