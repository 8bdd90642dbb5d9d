"""Where in the code an asset is declared, for the link in Dagster's UI."""

import inspect
import os
import re
import warnings
from pathlib import Path
from typing import Any

import dagster as dg

from polygon_assets.env import PROJECT_ROOT

CODE_REFERENCES = "dagster/code_references"

_COMMIT = re.compile(r"/(?:tree|commit)/[^/]+$")


def declared_here() -> dict[str, Any]:
    """The statement at the top level of a module that is being executed, as metadata.

    A table is declared by a call at the top level of its domain's module, however many functions
    of other modules build the asset from it.
    """
    frame = inspect.currentframe()
    assert frame is not None, "CPython has frames"
    while frame.f_code.co_name != "<module>" and frame.f_back is not None:
        frame = frame.f_back
    return code_reference(Path(frame.f_code.co_filename), frame.f_lineno)


def code_reference(file: Path, line: int = 1) -> dict[str, Any]:
    """A file and a line as metadata: an address where the deployment knows its repository.

    Dagster+ tells it by ``DAGSTER_CLOUD_GIT_URL``. The address names neither commit nor line, which
    would make every asset of a branch look changed.
    """
    repository = _COMMIT.sub("", os.environ.get("DAGSTER_CLOUD_GIT_URL", "").rstrip("/"))
    with warnings.catch_warnings(category=dg.BetaWarning, action="ignore"):
        if repository.startswith("https://") and file.is_relative_to(PROJECT_ROOT):
            url = f"{repository}/blob/HEAD/{file.relative_to(PROJECT_ROOT)}"
            reference = dg.UrlCodeReference(url=url, label=file.name)
        else:
            reference = dg.LocalFileCodeReference(file_path=str(file), line_number=line)
        return {CODE_REFERENCES: dg.CodeReferencesMetadataValue(code_references=[reference])}
