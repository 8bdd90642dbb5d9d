"""Which of the simulator's paths are whose: the vendor's REST API, its flat files, our own."""

PREFIX = "/sandbox/"
HEALTH = "/healthz"
FLAT_FILES = "/flatfiles"
"""The vendor's S3 bucket. It has its own host at the vendor, and its own kind of keys."""


def is_own(path: str) -> bool:
    """Whether this is one of the simulator's own endpoints, which the vendor does not have."""
    return path == HEALTH or path.startswith(PREFIX)


def is_flat_file(path: str) -> bool:
    """Whether this is the bucket of flat files, or something in it."""
    return path == FLAT_FILES or path.startswith(f"{FLAT_FILES}/")


def is_rest(path: str) -> bool:
    """Whether this belongs to the vendor's REST API: it needs the API key."""
    return not is_own(path) and not is_flat_file(path)
