"""How often Python looks for garbage that refers to itself."""

import gc

NEW_OBJECTS = 20_000
YOUNG_LOOKS, OLD_LOOKS = 20, 50


def look_rarely_for_garbage() -> None:
    """Let this process look for garbage less often, for a little more memory.

    Python looks after every 700 new objects, and every so often at all that there are. Processes
    that make hundreds of thousands which stay, such as Dagster's definitions, or large trees that
    go at once, such as parsed SQL, spend a fifth of their time on that and find little. For
    programs only: a library leaves the choice to whoever runs it.
    """
    gc.set_threshold(NEW_OBJECTS, YOUNG_LOOKS, OLD_LOOKS)
