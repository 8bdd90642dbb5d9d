"""Work on the next item while the current one is used."""

from collections import deque
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

_Item = TypeVar("_Item")
_Result = TypeVar("_Result")


def one_ahead(
    work: Callable[[_Item], _Result], items: Sequence[_Item]
) -> Generator[_Result, None, None]:
    """The result of each item, in order, one at a time.

    While the caller uses one, the next is worked on, and no more than that: disk and memory hold
    two at most. An error comes at the turn of its item. Close it to stop early.
    """
    pool = ThreadPoolExecutor(1, "ahead")
    under_way: deque[Future[_Result]] = deque()
    try:
        for item in items:
            under_way.append(pool.submit(work, item))
            if len(under_way) == 2:
                yield under_way.popleft().result()
        if under_way:
            yield under_way.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)
