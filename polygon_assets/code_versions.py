"""Code versions: what Dagster and ``polygon gate`` compare to see whether an asset has changed.

dbt's models have theirs from their SQL. An asset or a check in Python has one made of the source of
the module that computes it, of what that module imports from its own folder, and of the SQL or the
description of the table that it was given.
"""

import ast
import hashlib
import sys
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

METADATA_KEY = "code_version"
"""Under which an asset check carries its code version: Dagster has none for checks."""

LENGTH = 12


def code_version(module: str, *parts: object) -> str:
    """A short text that is another one as soon as the code that makes rows is another.

    Comments, docstrings and formatting do not count, and neither do modules of other folders:
    what all assets share is proven by tests.

    Args:
        module: ``__name__`` of the module that holds the function.
        parts: What else decides: SQL as it is run, what a table is. Their ``repr`` counts, so it
            must be the same in every process.
    """
    digest = hashlib.sha256(source_of(module).encode())
    for part in parts:
        digest.update(repr(part).encode())
    return digest.hexdigest()[:LENGTH]


@lru_cache
def source_of(module: str) -> str:
    """The code of a module and of what it imports from its own folder, without its words."""
    file = Path(str(sys.modules[module].__file__))
    package = module.rpartition(".")[0]
    found: dict[Path, ast.Module] = {}
    left = [file]
    while left:
        one = left.pop()
        if one not in found:
            found[one] = ast.parse(one.read_bytes())
            left += _imported(found[one], package, file.parent) if "." in package else []
    return "\n".join(_without_docstrings(found[one]) for one in sorted(found))


def _imported(tree: ast.Module, package: str, folder: Path) -> Iterator[Path]:
    """The modules of a package that a module imports."""
    for node in ast.walk(tree):
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [one.name for one in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            names = [node.module, *(f"{node.module}.{one.name}" for one in node.names)]
        for name in names:
            parent, _, last = name.rpartition(".")
            if parent == package and (file := folder / f"{last}.py").is_file():
                yield file


def _without_docstrings(tree: ast.Module) -> str:
    for node in ast.walk(tree):
        if (
            isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
            and ast.get_docstring(node) is not None
        ):
            node.body = node.body[1:]
    return ast.dump(tree)
