"""Folders for files that do not outlive the server. They are below its data directory."""

import shutil
import tempfile
from pathlib import Path

UPLOADS_FOLDER = "uploads"
TEMPORARY_FOLDER = "temporary"


def keep_temporary_files_in(data: Path) -> None:
    """Empty the folders, and have this process make its temporary files in them.

    fakesnow makes a folder as soon as it is imported, so this comes first.

    Args:
        data: The server's data directory.
    """
    for name in (TEMPORARY_FOLDER, UPLOADS_FOLDER):
        shutil.rmtree(data / name, ignore_errors=True)
        (data / name).mkdir()
    tempfile.tempdir = str((data / TEMPORARY_FOLDER).resolve())
