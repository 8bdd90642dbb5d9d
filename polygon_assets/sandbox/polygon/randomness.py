"""One independent random stream per purpose, so that nothing depends on what else was drawn."""

import struct
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


def fractions(count: int, *purpose: object) -> tuple[float, ...]:
    """Up to 16 numbers from 0 to below 1 that depend on ``purpose`` alone.

    Cheaper than a generator where a row needs a few numbers only.
    """
    digest = blake2b(":".join(map(str, purpose)).encode(), digest_size=4 * count).digest()
    return tuple(number / 2**32 for number in struct.unpack(f"<{count}I", digest))
