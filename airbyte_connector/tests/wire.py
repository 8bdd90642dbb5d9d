"""What goes over the wire in this process: every request is noted, and some are answered here.

For what the simulated vendor never does: to answer with status 200 and nonsense.
"""

import json
import threading
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests
from requests.structures import CaseInsensitiveDict


@dataclass
class Wire:
    """The requests of one test.

    Attributes:
        asked: Path and query of each request, in order of sending.
        hosts: The hosts that were asked.
        answers: Status and body to give to requests whose path and query contain the text.
        most_at_once: How many requests were under way at the same time at most.
    """

    asked: list[str] = field(default_factory=list)
    hosts: set[str] = field(default_factory=set)
    answers: dict[str, tuple[int, Any]] = field(default_factory=dict)
    most_at_once: int = 0
    _under_way: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def paths(self, prefix: str) -> list[str]:
        """The requests whose path starts with the prefix, sorted."""
        return sorted(request for request in self.asked if request.startswith(prefix))

    def install(self, patch: pytest.MonkeyPatch) -> None:
        """Stand between the connector and the network until the patch is undone."""
        really_send = requests.Session.send

        def send(
            session: requests.Session, request: requests.PreparedRequest, **options: Any
        ) -> requests.Response:
            address = urlsplit(request.url or "")
            target = f"{address.path}?{address.query}" if address.query else address.path
            with self._lock:
                self.asked.append(target)
                self.hosts.add(address.netloc)
                self._under_way += 1
                self.most_at_once = max(self.most_at_once, self._under_way)
            try:
                found = [answer for text, answer in self.answers.items() if text in target]
                if found:
                    return _response(request, *found[0])
                return really_send(session, request, **options)
            finally:
                with self._lock:
                    self._under_way -= 1

        patch.setattr(requests.Session, "send", send)


def _response(request: requests.PreparedRequest, status: int, body: Any) -> requests.Response:
    response = requests.Response()
    response.request, response.url, response.status_code = request, request.url or "", status
    response.headers = CaseInsensitiveDict({"Content-Type": "application/json"})
    response._content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return response
