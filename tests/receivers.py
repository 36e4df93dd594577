"""Real receivers of messages: an HTTP server that answers, refuses, hangs or is late, and an SMTP server."""

from __future__ import annotations

import contextlib
import json
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from email import message_from_bytes
from email.header import decode_header, make_header
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from aiosmtpd.controller import Controller

from tests.ports import free_port
from tests.system import WAIT_S


@dataclass
class Request:
    """A request as it came; `taken` says whether it was answered with success."""

    path: str
    headers: dict[str, str]
    body: dict[str, Any]
    at: float
    taken: bool


@dataclass
class Hook:
    """An HTTP receiver. mode: ok, fail (503), refuse (200 with an errcode), hang (no answer), late (after `delay`
    seconds), down (the connection is cut), redirect (to itself, where a GET finds a page). answer: the body of success.
    most: bytes of a text that it takes, as WeCom's robot does."""

    port: int
    mode: str = "ok"
    most: int | None = None
    answer: str = '{"errcode": 0}'
    delay: float = 0.0
    requests: list[Request] = field(default_factory=list)
    stopping: threading.Event = field(default_factory=threading.Event)

    @property
    def taken(self) -> list[Request]:
        """What was answered with success."""
        return [request for request in self.requests if request.taken]

    @property
    def ids(self) -> list[str]:
        """The ids of what was taken, in order."""
        return [request.headers["idempotency-key"] for request in self.taken]


@contextlib.contextmanager
def hook() -> Iterator[Hook]:
    """A running HTTP receiver on a port of its own."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            raw = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            mode = found.mode
            headers = {name.lower(): value for name, value in self.headers.items()}
            body = json.loads(raw)
            long = found.most is not None and len(body["text"]["content"].encode()) > found.most
            taken = mode in ("ok", "late") and not long
            found.requests.append(Request(self.path, headers, body, time.time(), taken))
            if mode == "hang":
                found.stopping.wait(60)
                return
            if mode == "late":
                time.sleep(found.delay)
            if mode == "down":
                self.connection.close()
                return
            refusal = 40058 if long else 93000 if mode == "refuse" else None
            answer = (json.dumps({"errcode": refusal}) if refusal else found.answer).encode()
            with contextlib.suppress(OSError):  # a client that has waited long enough is gone
                self.send_response({"fail": 503, "redirect": 302}.get(mode, 200))
                if mode == "redirect":
                    self.send_header("Location", "/page")
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            """Nothing is logged."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    found = Hook(server.server_address[1])
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield found
    finally:
        found.stopping.set()
        server.shutdown()
        server.server_close()


@dataclass
class Mail:
    """A mail as it came."""

    message_id: str
    recipients: list[str]
    subject: str
    text: str


@dataclass
class Mailbox:
    """An SMTP receiver; `refuse` makes it answer 451."""

    port: int
    refuse: bool = False
    mails: list[Mail] = field(default_factory=list)

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:
        """Keeps the mail."""
        if self.refuse:
            return "451 try again later"
        message = message_from_bytes(envelope.content)
        payload = message.get_payload(decode=True)
        assert isinstance(payload, bytes)
        assert len(message.get_all("Message-ID") or []) == 1
        subject = str(make_header(decode_header(message["Subject"])))
        self.mails.append(Mail(message["Message-ID"], envelope.rcpt_tos, subject, payload.decode()))
        return "250 OK"


@contextlib.contextmanager
def mailbox() -> Iterator[Mailbox]:
    """A running SMTP receiver on a port of its own."""
    found = Mailbox(free_port())
    controller = Controller(found, hostname="127.0.0.1", port=found.port, ready_timeout=WAIT_S)
    controller.start()
    try:
        yield found
    finally:
        controller.stop()
