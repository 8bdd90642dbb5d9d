"""The folder that a site is built into: made whole or not at all, and never somebody else's."""

import shutil
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

MARKER = ".polygon-site"
"""File in the folder that lists every other one, so that a later build knows its own."""


class FolderError(ValueError):
    """The folder is not one that a site may be built into."""


@contextmanager
def replaced(folder: Path) -> Generator[Path, None, None]:
    """An empty folder that takes the place of ``folder`` when the block ends without an error.

    Raises:
        FolderError: It is a file, or holds what no earlier build has written.
    """
    require_own(folder)
    folder.parent.mkdir(parents=True, exist_ok=True)
    new = Path(tempfile.mkdtemp(prefix=f".{folder.name.lstrip('.')}-", dir=folder.parent))
    try:
        new.chmod(0o755)
        yield new
        (new / MARKER).write_text("".join(f"{name}\n" for name in files(new)))
        require_own(folder)
        if folder.exists():
            shutil.rmtree(folder)
        new.rename(folder)
    finally:
        shutil.rmtree(new, ignore_errors=True)


def require_own(folder: Path) -> None:
    """Refuse a folder with anything in it that no earlier build has written.

    Raises:
        FolderError: Names one of the files.
    """
    if not folder.exists():
        return
    if not folder.is_dir() or folder.is_symlink():
        raise FolderError(f"{folder} is no folder: choose another --output.")
    marker = folder / MARKER
    own = set(marker.read_text().splitlines()) if marker.is_file() else set[str]()
    others = [name for name in files(folder) if name not in own]
    if others:
        raise FolderError(
            f"{folder} holds {others[0]}, which `polygon site` has not written: "
            "choose another --output, or remove it."
        )


def files(folder: Path) -> list[str]:
    """Every file below a folder but the marker, as sorted relative paths."""
    found = (path for path in folder.rglob("*") if path.is_symlink() or not path.is_dir())
    names = (path.relative_to(folder).as_posix() for path in found)
    return sorted(name for name in names if name != MARKER)
