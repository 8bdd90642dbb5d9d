"""What the documents for contributors name exists: files, commands, options, tests."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer.main
from support.documents import DOCUMENTS, prose, shell_lines

from polygon_assets.cli.main import app
from polygon_assets.env import PROJECT_ROOT

CONTRIBUTING = PROJECT_ROOT / ".github" / "CONTRIBUTING.md"

TOP = ("polygon_assets", "dbt_polygon", "airbyte_connector", "streaming", "tests", ".github", ".ci")
PATH = re.compile(rf"`((?:{'|'.join(map(re.escape, TOP))})/[\w./-]*)`")
EXAMPLES = ("market_status", "market_turnover", "bars_15m", "session_range", "ratio_changes_shares")
"""What the recipes make: it does not exist, or the recipe would be no example."""


def name(path: Path) -> str:
    return str(path.relative_to(PROJECT_ROOT))


def commands(text: str) -> Iterator[list[str]]:
    """The words of each command in the blocks of shell, and in the prose."""
    found = re.findall(r"`((?:uv run |)polygon [^`]+)`", prose(text))
    for line in [*shell_lines(text), *found]:
        yield shlex.split(line, comments=True)


def polygon_commands(text: str) -> list[list[str]]:
    """What follows the word ``polygon``."""
    return [
        words[words.index("polygon") + 1 :] for words in commands(text) if "polygon" in words[:4]
    ]


def problem_of(arguments: list[str]) -> str:
    """What the command line would not know of a command; empty where it knows everything."""
    command: Any = typer.main.get_command(app)
    while (below := getattr(command, "commands", {})) and arguments:
        first, *arguments = arguments
        if first not in below:
            return f"no command {first}"
        command = below[first]
    known = {option for one in command.params for option in (*one.opts, *one.secondary_opts)}
    unknown = [word for word in arguments if word.startswith("--") and word not in known]
    return f"no option {', '.join(unknown)}" if unknown else ""


@pytest.mark.parametrize("document", DOCUMENTS, ids=name)
def test_paths_exist(document: Path) -> None:
    found = PATH.findall(document.read_text())
    wanted = [path for path in found if not any(example in path for example in EXAMPLES)]
    assert [path for path in wanted if not (PROJECT_ROOT / path).exists()] == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=name)
def test_the_command_line_knows_the_commands(document: Path) -> None:
    found = {shlex.join(each): problem_of(each) for each in polygon_commands(document.read_text())}
    assert {command: problem for command, problem in found.items() if problem} == {}


def test_an_unknown_command_or_option_is_found() -> None:
    block = "```bash\nuv run polygon gaet\nuv run polygon gate --sesions 2  # x\n```\n"
    text = f"{block}`polygon dashboards pool`"
    assert [problem_of(each) for each in polygon_commands(text)] == [
        "no command gaet",
        "no option --sesions",
        "no command pool",
    ]


def test_tests_and_scripts_that_commands_name_exist() -> None:
    words = [word for each in commands(CONTRIBUTING.read_text()) for word in each]
    paths = [word.partition("::")[0] for word in words if re.fullmatch(r"[\w./]+/[\w./:]+", word)]
    assert len(paths) > 20
    assert [path for path in paths if not (PROJECT_ROOT / path).exists()] == []


def test_names_of_code_that_the_recipes_use_exist() -> None:
    """Each step names where in a file something goes: ``NAME`` in ``file.py``."""
    text = CONTRIBUTING.read_text()
    named = re.findall(r"`([A-Z_a-z]+)` (?:in|of) `([\w./]+\.py)`", text)
    assert len(named) > 8
    assert [one for one in named if one[0] not in (PROJECT_ROOT / one[1]).read_text()] == []
