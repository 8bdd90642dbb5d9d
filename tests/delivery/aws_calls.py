"""Which calls of AWS the code makes: by its text, and by running it."""

import ast
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from botocore import xform_name
from botocore.session import get_session

from polygon_assets.env import PROJECT_ROOT

PLATFORM = PROJECT_ROOT / "polygon_assets"
PROGRAMS = PROJECT_ROOT / "streaming" / "polygon_stream"


def sources(folder: Path) -> list[Path]:
    """The code that talks to AWS or might: all but the sandbox, which stands for it."""
    return [
        file for file in folder.rglob("*.py") if "sandbox" not in file.relative_to(folder).parts
    ]


def written(service: str, files: list[Path]) -> set[str]:
    """The operations of a service that the code names, as methods or in words."""
    operations = get_session().get_service_model(service).operation_names
    by_method = {xform_name(name): name for name in operations}
    found: set[str] = set()
    for file in files:
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Attribute):
                found.add(node.attr)
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                found.add(node.value)
    return {by_method[name] for name in found & by_method.keys()}


def services(files: list[Path]) -> set[str]:
    """The services that the code makes clients of."""
    found: set[str] = set()
    for file in files:
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
                named = [one.value for one in node.args[:1] if isinstance(one, ast.Constant)]
                if node.func.attr in ("service", "client") and named:
                    found.add(named[0])
    return found


@contextmanager
def recorded(client: Any) -> Iterator[set[str]]:
    """The operations that a client is asked for while the block runs."""
    asked: set[str] = set()

    def note(model: Any, **_: object) -> None:
        asked.add(model.name)

    client.meta.events.register("before-call", note)
    try:
        yield asked
    finally:
        client.meta.events.unregister("before-call", note)


def needed(operations: set[str]) -> set[str]:
    """The permissions that calls of ECS take."""
    passing = {"RegisterTaskDefinition", "CreateService", "UpdateService"} & operations
    return {f"ecs:{name}" for name in operations} | ({"iam:PassRole"} if passing else set())
