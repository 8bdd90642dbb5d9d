"""What the doctor's tests ask."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager

from polygon_assets.doctor.examination import Examine
from polygon_assets.doctor.findings import Finding
from polygon_assets.env import Names


def ask(examine: Examine, names: Names, *, probe: bool = False) -> dict[str, Finding]:
    """Check -> what was found."""
    return {one.check: one for one in examine(names, probe=probe)}


def results(found: dict[str, Finding]) -> dict[str, str]:
    """Check -> its result, of those that are not ok."""
    return {check: one.result for check, one in found.items() if one.result != "ok"}


@contextmanager
def nobody_listens() -> Iterator[int]:
    """A port that is taken and does not answer."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        yield bound.getsockname()[1]
