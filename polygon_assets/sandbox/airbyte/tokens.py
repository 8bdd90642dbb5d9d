"""Access tokens: signed, so that they need no storage and survive a restart of the server."""

import hashlib
import hmac
import time

TOKEN_SECONDS = 180
"""How long a token is good for, as in Airbyte Cloud."""


class Tokens:
    """Gives out and checks tokens for one client."""

    def __init__(self, client_id: str, client_secret: str) -> None:
        self._client_id = client_id
        self._secret = client_secret.encode()

    def issue(self, client_id: str, client_secret: str) -> str | None:
        """A new token; None if this is not the client."""
        right_id = hmac.compare_digest(client_id.encode(), self._client_id.encode())
        right_secret = hmac.compare_digest(client_secret.encode(), self._secret)
        if not (right_id and right_secret):
            return None
        expires = str(int(time.time()) + TOKEN_SECONDS)
        return f"{expires}.{self._sign(expires)}"

    def valid(self, token: str) -> bool:
        """Whether the token was issued here and has not expired."""
        expires, _, signature = token.partition(".")
        if not hmac.compare_digest(signature.encode(), self._sign(expires).encode()):
            return False
        return int(expires) > time.time()

    def _sign(self, text: str) -> str:
        return hmac.new(self._secret, text.encode(), hashlib.sha256).hexdigest()
