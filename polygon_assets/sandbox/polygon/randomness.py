"""One independent random stream per purpose, so that nothing depends on what else was drawn."""

from hashlib import blake2b

import numpy as np


def generator(*purpose: object) -> np.random.Generator:
    """A random generator that depends on ``purpose`` alone.

    Args:
        purpose: What the numbers are for, such as ``(seed, "daily", "ZZAA")``.
    """
    name = ":".join(map(str, purpose)).encode()
    return np.random.Generator(
        np.random.PCG64(int.from_bytes(blake2b(name, digest_size=16).digest()))
    )
