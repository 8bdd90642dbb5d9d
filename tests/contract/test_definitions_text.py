"""What Dagster runs changes on purpose only, and a review sees how."""

import difflib

import dagster as dg
from definitions_text import FILE, RENEW, definitions_text


def test_the_definitions_are_those_of_the_text(definitions: dg.Definitions) -> None:
    before, now = FILE.read_text(), definitions_text(definitions)
    difference = "\n".join(difference_of(before, now))
    assert before == now, f"the definitions have changed; if that is meant: {RENEW}\n{difference}"


def difference_of(before: str, now: str) -> list[str]:
    """The changed lines, each below the asset that it belongs to."""
    changed = difflib.unified_diff(
        _with_owners(before), _with_owners(now), "definitions.txt", "the code", lineterm="", n=0
    )
    return [line for line in changed if not line.startswith("@@")]


def _with_owners(text: str) -> list[str]:
    """Every indented line with its paragraph's first line in front."""
    owner, lines = "", list[str]()
    for line in text.splitlines():
        if line.startswith("  "):
            lines.append(f"{owner}: {line.strip()}")
        else:
            owner = line
            lines.append(line)
    return lines


def test_a_difference_names_the_asset() -> None:
    before = "asset a/b/c\n  check complete: ERROR blocking\n\nasset a/b/d\n  external\n"
    now = "asset a/b/c\n  check complete: WARN\n\nasset a/b/d\n  external\n"
    assert difference_of(before, now) == [
        "--- definitions.txt",
        "+++ the code",
        "-asset a/b/c: check complete: ERROR blocking",
        "+asset a/b/c: check complete: WARN",
    ]
