"""HTTP requests that stay at the address that was set.

``urllib`` follows a redirect with the same headers: whoever answers could have the key sent to an
address of its own.
"""

import urllib.request
from typing import Any


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    def redirect_request(
        self, req: Any, fp: Any, code: Any, msg: Any, headers: Any, newurl: Any
    ) -> None:
        """Follow none."""


def open_url(request: urllib.request.Request, seconds: float) -> Any:
    """The answer to a request.

    Args:
        request: To an address that a setting names.
        seconds: How long to wait.

    Raises:
        urllib.error.HTTPError: The answer is an error or a redirect.
        OSError: There is none.
    """
    return urllib.request.build_opener(_NoRedirects).open(request, timeout=seconds)
