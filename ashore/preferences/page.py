"""A page on this machine that shows pairs of clips and takes answers: loopback alone, and a token in its address."""

from __future__ import annotations

import json
import secrets
import threading
from collections.abc import Mapping
from functools import partial
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from ashore.configs.errors import UsageError
from ashore.policies.preferences.answers import as_answer
from ashore.policies.preferences.clips import Answer, Clips
from ashore.preferences.collect import SIDES, steps_a_picture
from ashore.preferences.judges import Give
from ashore.sim.env import Env

LOOPBACK = "127.0.0.1"
LONGEST_BODY = 4096  # bytes of an answer
PAGE = Path(__file__).with_name("page.html")
LEARNING = "Learning from your answers; the next clips come by themselves …"


class Page:
    """A judge that waits for answers from the page. It serves from when it is made until `close`."""

    films = True

    def __init__(self, port: int = 0) -> None:
        """port 0: any free one."""
        self._changed = threading.Condition()
        self._waiting: dict[str, Path] = {}  # pairs without an answer, and the folder of their pictures
        self._give: Give | None = None
        self._total, self._ever, self._text = 0, 0, "Drawing clips …"
        self._period = 0.0  # s from one picture to the next
        self._token = secrets.token_urlsafe(16)
        try:
            self._server = ThreadingHTTPServer((LOOPBACK, port), partial(_Handler, self))
        except OSError as error:
            raise UsageError(f"--port {port}: {error.strerror}") from None
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    @property
    def address(self) -> str:
        host, port = self._server.server_address[:2]
        return f"http://{host!s}:{port}/?token={self._token}"

    def answer(self, pairs: Mapping[str, int], clips: Clips, env: Env, folder: Path, give: Give) -> None:
        """Show the pairs, in order, until each has an answer."""
        with self._changed:
            self._waiting, self._give = dict.fromkeys(pairs, folder), give
            self._total = len(clips.valid)
            self._period = steps_a_picture(env.settings.control_dt) * env.settings.control_dt
            self._changed.notify_all()
            while self._waiting:
                self._changed.wait(0.5)  # s; so that Ctrl-C is heard
            self._give, self._text = None, LEARNING

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def state(self) -> dict[str, Any]:
        """What the page shows next."""
        with self._changed:
            pair = next(iter(self._waiting), None)
            done = self._total - len(self._waiting)
            round_shown = int(pair.split("-")[0]) + 1 if pair else 0
            shown = {"pair": pair, "text": self._text, "ever": self._ever}
            return shown | (
                {"done": done, "total": self._total, "round": round_shown, "period": self._period} if pair else {}
            )

    def strip(self, pair: str, side: str) -> bytes | None:
        """The pictures of a clip that waits for an answer."""
        from ashore.preferences.rounds import picture_file

        with self._changed:
            folder = self._waiting.get(pair)
        if folder is None or side not in SIDES:
            return None
        return picture_file(folder, int(pair.split("-")[1]), side).read_bytes()

    def take(self, pair: str, answer: Answer) -> bool:
        """An answer; False where the pair waits for none. It is on disk when this returns."""
        with self._changed:
            if pair not in self._waiting or self._give is None:
                return False
            self._give(pair, answer)
            del self._waiting[pair]
            self._ever += 1
            self._changed.notify_all()
            return True

    def admits(self, host: str | None, token: str) -> bool:
        """Whether a request comes from the page: a foreign site knows no token, and a name that leads here is refused."""
        port = self._server.server_address[1]
        return host in (f"{LOOPBACK}:{port}", f"localhost:{port}") and secrets.compare_digest(
            token.encode(), self._token.encode()
        )


class _Handler(BaseHTTPRequestHandler):
    """GET / (the page), state, clip/PAIR/SIDE; POST answer."""

    protocol_version = "HTTP/1.1"

    def __init__(self, page: Page, *args: Any) -> None:
        self._page = page
        super().__init__(*args)

    def do_GET(self) -> None:
        path = self._path()
        if path == [""]:
            self._send(PAGE.read_bytes(), "text/html; charset=utf-8")
        elif path == ["state"]:
            self._send(json.dumps(self._page.state()).encode(), "application/json")
        elif path is not None and len(path) == 3 and path[0] == "clip":
            strip = self._page.strip(path[1], path[2])
            self._send(strip, "image/jpeg") if strip is not None else self.send_error(HTTPStatus.NOT_FOUND)
        elif path is not None:
            self.send_error(HTTPStatus.NOT_FOUND)

    def do_POST(self) -> None:
        if (path := self._path()) is None:
            return
        length = self.headers.get("Content-Length", "")
        sound = path == ["answer"] and length.isdecimal() and int(length) <= LONGEST_BODY
        row = as_answer(self.rfile.read(int(length)).decode(errors="replace")) if sound else None
        if row is None:
            self.close_connection = True
            self.send_error(HTTPStatus.BAD_REQUEST)
        else:
            self._send(json.dumps({"taken": self._page.take(*row)}).encode(), "application/json")

    def _path(self) -> list[str] | None:
        """The request's path in parts; None, answered, where it may not be made."""
        url = urlsplit(self.path)
        token = parse_qs(url.query).get("token", [""])[0]
        if not self._page.admits(self.headers.get("Host"), token):
            self.close_connection = True
            self.send_error(HTTPStatus.FORBIDDEN)
            return None
        return url.path.strip("/").split("/")

    def _send(self, body: bytes, kind: str) -> None:
        self.send_response(HTTPStatus.OK)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Cache-Control", "no-store")
        self.send_header("X-Frame-Options", "DENY")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args: Any) -> None:
        """Nothing: the terminal shows the rounds."""
