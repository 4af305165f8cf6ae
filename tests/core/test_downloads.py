"""Downloads from a server on this machine: allowed or not, bounded, whole or not at all."""

import http.server
import threading

import pytest

from core.downloads import ALLOWED, downloaded, is_address
from core.errors import UserError

CONTENT = b"x" * 5000


class Answers(http.server.BaseHTTPRequestHandler):
    asked = 0

    def do_GET(self):
        type(self).asked += 1
        if self.path.startswith("/away"):
            self.send_response(302)
            self.send_header("Location", "file:///etc/hostname")
            self.end_headers()
            return
        self.send_response(404 if "missing" in self.path else 200)
        self.end_headers()
        self.wfile.write(CONTENT)

    def log_message(self, *_args):
        pass


@pytest.fixture
def server():
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answers) as made:
        thread = threading.Thread(target=made.serve_forever, daemon=True)
        thread.start()
        Answers.asked = 0
        yield f"http://127.0.0.1:{made.server_port}"
        made.shutdown()


def test_nothing_is_fetched_unless_it_is_allowed(server, tmp_path, monkeypatch):
    monkeypatch.delenv(ALLOWED, raising=False)
    with pytest.raises(UserError, match="--allow-download"):
        downloaded(f"{server}/a.png", tmp_path)
    assert Answers.asked == 0 and not list(tmp_path.iterdir())


def test_a_file_is_fetched_once_and_keeps_its_ending(server, tmp_path, monkeypatch):
    monkeypatch.setenv(ALLOWED, "1")
    path = downloaded(f"{server}/some%20clip.mp4?x=1", tmp_path)
    assert path.read_bytes() == CONTENT and path.suffix == ".mp4" and path.parent == tmp_path / "downloads"
    assert downloaded(f"{server}/some%20clip.mp4?x=1", tmp_path) == path and Answers.asked == 1
    assert downloaded(f"{server}/some%20clip.mp4?x=2", tmp_path) != path


def test_what_is_too_large_missing_or_leads_elsewhere_leaves_nothing(server, tmp_path, monkeypatch):
    monkeypatch.setenv(ALLOWED, "1")
    for address, largest in ((f"{server}/big", 4000), (f"{server}/missing", 10**6), (f"{server}/away", 10**6)):
        with pytest.raises(UserError):
            downloaded(address, tmp_path, largest)
    with pytest.raises(UserError):
        downloaded("file:///etc/hostname", tmp_path)
    assert not list((tmp_path / "downloads").iterdir())


def test_addresses_are_told_from_paths():
    assert is_address("https://example.org/a.png") and is_address("HTTP://x/a")
    assert not any(map(is_address, ("C:\\a.png", "a.png", "file:///a", "ftp://x/a", "", "a://b")))
