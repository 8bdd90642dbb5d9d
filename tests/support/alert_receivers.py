"""Receivers of alerts on this machine: what answers as Slack's webhooks do, and a mail server."""

import base64
import json
import socketserver
import ssl
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes
from email.message import Message
from email.policy import default
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

SECRET_PATH = "/services/T0SECRET/B0SECRET/aVerySecretToken"  # what a webhook's address ends with


@dataclass
class SlackServer:
    """Answers as hooks.slack.com does.

    Attributes:
        url: The webhook.
        texts: The messages that it took.
        answers: Status, text and headers of the next answers; empty = ``200 ok``.
        requests: How many there were.
    """

    url: str
    texts: list[str] = field(default_factory=list)
    answers: list[tuple[int, str, dict[str, str]]] = field(default_factory=list)
    requests: int = 0

    def answer(self, path: str, body: bytes) -> tuple[int, str, dict[str, str]]:
        """The answer to one request."""
        self.requests += 1
        if self.answers:
            return self.answers.pop(0)
        if path != SECRET_PATH:
            return 404, "no_service", {}
        try:
            text = json.loads(body)
        except ValueError:
            return 400, "invalid_payload", {}
        if not text.get("text"):
            return 400, "no_text", {}
        self.texts.append(text["text"])
        return 200, "ok", {}


@contextmanager
def slack_server() -> Generator[SlackServer, None, None]:
    """A Slack until the block ends."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            status, text, headers = slack.answer(self.path, body)
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text.encode())

        def log_message(self, *_: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        slack = SlackServer(f"http://127.0.0.1:{server.server_port}{SECRET_PATH}")
        with _serving(server):
            yield slack


@dataclass
class MailServer:
    """A mail server that keeps what it takes.

    Attributes:
        port: Where it listens.
        password: Of the user ``polygon``; empty = it offers no login.
        refuses: Recipients that it does not know.
        busy: Whether it has too much to do, and says so.
        tls: For STARTTLS; None = it offers none.
        mails: What it took.
        logins: Passwords that it was told, each with whether the connection was encrypted.
    """

    port: int = 0
    password: str = ""
    refuses: set[str] = field(default_factory=set)
    busy: bool = False
    tls: ssl.SSLContext | None = None
    mails: list[Message] = field(default_factory=list)
    logins: list[tuple[str, bool]] = field(default_factory=list)


@contextmanager
def mail_server(**options: Any) -> Generator[MailServer, None, None]:
    """A mail server until the block ends."""
    mail = MailServer(**options)

    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            _Conversation(mail, self).talk()

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        mail.port = server.server_address[1]
        with _serving(server):
            yield mail


class _Conversation:
    """One connection of SMTP."""

    def __init__(self, mail: MailServer, handler: socketserver.StreamRequestHandler) -> None:
        self._mail, self._handler, self._encrypted = mail, handler, False
        self._in, self._out = handler.rfile, handler.wfile
        self._verbs: dict[str, Callable[[str], str]] = {
            "EHLO": self._ehlo,
            "STARTTLS": lambda _: "220 go ahead",
            "AUTH": self._auth,
            "MAIL": lambda _: "421 4.7.0 try again later" if mail.busy else "250 ok",
            "RCPT": self._rcpt,
            "DATA": self._data,
            "RSET": lambda _: "250 ok",
            "QUIT": lambda _: "221 bye",
        }

    def talk(self) -> None:
        self._say("220 tests ESMTP")
        while line := self._in.readline().decode().rstrip("\r\n"):
            verb = line.split()[0].upper()
            answer = self._verbs.get(verb)
            self._say(answer(line) if answer else "502 unknown")
            if verb == "QUIT":
                return
            if verb == "STARTTLS":
                self._encrypt()

    def _say(self, text: str) -> None:
        self._out.write(f"{text}\r\n".encode())

    def _ehlo(self, _: str) -> str:
        offers = ["250-tests"]
        offers += ["250-STARTTLS"] if self._mail.tls and not self._encrypted else []
        offers += ["250-AUTH PLAIN"] if self._mail.password else []
        return "\r\n".join([*offers, "250 8BITMIME"])

    def _encrypt(self) -> None:
        assert self._mail.tls is not None
        try:
            connection = self._mail.tls.wrap_socket(self._handler.connection, server_side=True)
        except OSError:  # the client did not trust us
            self._in = self._handler.rfile
            return
        self._in, self._out = connection.makefile("rb"), connection.makefile("wb", buffering=0)
        self._encrypted = True

    def _auth(self, line: str) -> str:
        given = base64.b64decode(line.split()[2]).decode().split("\0")
        self._mail.logins.append((given[2], self._encrypted))
        known = given[1:] == ["polygon", self._mail.password]
        return "235 welcome" if known else f"535 5.7.8 {given[2]} is not your password"

    def _rcpt(self, line: str) -> str:
        address = line.partition("<")[2].partition(">")[0]
        return "550 5.1.1 no such user" if address in self._mail.refuses else "250 ok"

    def _data(self, _: str) -> str:
        self._say("354 go on")
        lines: list[bytes] = []
        while (line := self._in.readline()) != b".\r\n":
            lines.append(line.removeprefix(b".") if line.startswith(b"..") else line)
        self._mail.mails.append(message_from_bytes(b"".join(lines), policy=default))
        return "250 taken"


@contextmanager
def _serving(server: socketserver.BaseServer) -> Generator[None, None, None]:
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        thread.join()
