"""One comment on a pull request: against a server that keeps comments as GitHub does."""

import json
import urllib.parse
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest
from dagster_plus_support import run_step, script, serving, steps

comment = script("comment")

OURS = {"login": "github-actions[bot]"}
GH = '#!/bin/bash\n[ -f "$HOME/artifact.md" ] && cp "$HOME/artifact.md" gate.md\n'


class Comments:
    """The comments of pull request 12."""

    def __init__(self) -> None:
        self.kept: list[dict[str, Any]] = []
        self.tokens: set[str] = set()
        self.refuses = False

    def add(self, body: str, user: dict[str, str]) -> dict[str, Any]:
        one = {"id": 100 + len(self.kept), "body": body, "user": user, "html_url": "https://x"}
        self.kept.append(one)
        return one


@pytest.fixture
def comments() -> Comments:
    return Comments()


@pytest.fixture
def address(comments: Comments) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def answer(self, content: Any, status: int = 200) -> None:
            text = json.dumps(content).encode()
            self.send_response(403 if comments.refuses else status)
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        def body(self) -> str:
            comments.tokens.add(self.headers["Authorization"])
            return json.loads(self.rfile.read(int(self.headers["Content-Length"])))["body"]

        def do_GET(self) -> None:
            path = urllib.parse.urlsplit(self.path)
            assert path.path == "/repos/acme/polygon-assets/issues/12/comments"
            query = {
                name: int(values[0]) for name, values in urllib.parse.parse_qs(path.query).items()
            }
            first = (query["page"] - 1) * query["per_page"]
            self.answer(comments.kept[first : first + query["per_page"]])

        def do_POST(self) -> None:
            assert self.path == "/repos/acme/polygon-assets/issues/12/comments"
            self.answer(comments.add(self.body(), OURS), 201)

        def do_PATCH(self) -> None:
            assert self.path.startswith("/repos/acme/polygon-assets/issues/comments/")
            [one] = [one for one in comments.kept if str(one["id"]) == self.path.split("/")[-1]]
            one["body"] = self.body()
            self.answer(one)

        def log_message(self, *_: object) -> None:
            """Quiet."""

    with serving(Handler) as found:
        yield found


def step(address: str, home: Path, summary: str | None) -> tuple[int, str]:
    """Run the step of the workflow, with an artifact or without."""
    gh = home / "gh"
    gh.write_text(GH)
    gh.chmod(0o755)
    artifact = home / "artifact.md"
    artifact.unlink(missing_ok=True)
    if summary is not None:
        artifact.write_text(summary)
    text = steps("comment")["Comment"]["run"].replace(".ci/deploy", str(comment_folder()))
    variables = {
        "GITHUB_API_URL": address,
        "GITHUB_SERVER_URL": "https://github.com",
        "GITHUB_REPOSITORY": "acme/polygon-assets",
        "GITHUB_RUN_ID": "42",
        "GITHUB_TOKEN": "github-token",
        "NUMBER": "12",
        "DEPLOY": "failure",
        "GATE": "skipped",
    }
    done = run_step(f"cd {home}; rm -f gate.md; {text}", variables, home)
    return done.returncode, done.stdout + done.stderr


def comment_folder() -> Path:
    return Path(str(comment.__file__)).parent


def test_one_comment_however_often(comments: Comments, address: str, tmp_path: Path) -> None:
    comments.add("Looks good.", {"login": "a-reviewer"})
    comments.add(f"{comment.MARKER} quoted", {"login": "a-reviewer"})
    for number in range(150):
        comments.add(f"Another workflow's {number}", OURS)
    assert step(address, tmp_path, "## Gate failed\n\n1 check failed") == (0, "https://x\n")
    assert len(comments.kept) == 153
    assert step(address, tmp_path, "## Gate passed\n")[0] == 0
    assert len(comments.kept) == 153
    ours = comments.kept[-1]["body"]
    assert ours.startswith(f"{comment.MARKER}\n## Gate passed\n")
    assert "https://github.com/acme/polygon-assets/actions/runs/42" in ours
    assert "quoted" in comments.kept[1]["body"]
    assert comments.tokens == {"Bearer github-token"}


def test_without_a_summary_it_says_why(comments: Comments, address: str, tmp_path: Path) -> None:
    assert step(address, tmp_path, None)[0] == 0
    assert "The gate did not run: deploy failure, gate skipped." in comments.kept[0]["body"]


def test_a_refusal_fails(comments: Comments, address: str, tmp_path: Path) -> None:
    comments.refuses = True
    code, output = step(address, tmp_path, "## Gate passed\n")
    assert code == 1
    assert "GitHub refused the comment: HTTP Error 403" in output
    assert "github-token" not in output


def test_a_long_summary_is_cut_at_a_line() -> None:
    text = comment.body("## Gate failed\n" + "| a check | failed |\n" * 5000, "https://run")
    assert len(text) < 65_536
    assert "| a check | failed |\n\nCut here; the run's own page has all of it." in text
    assert text.endswith("[The workflow's run](https://run)\n")
