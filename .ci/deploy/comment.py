"""Keep one comment on a pull request: the first call writes it, the next ones replace its text.

    python .ci/deploy/comment.py --pull-request 12 --file gate.md --instead "The gate did not run."

Needs nothing but Python. Reads ``GITHUB_API_URL``, ``GITHUB_REPOSITORY``, ``GITHUB_TOKEN`` and, for
the link to the run, ``GITHUB_SERVER_URL`` and ``GITHUB_RUN_ID``.
"""

import argparse
import json
import os
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

MARKER = "<!-- polygon-assets: gate -->"
"""In the text of our comment, seen by nobody: other workflows comment under the same name."""

AUTHOR = "github-actions[bot]"
LONGEST = 65_000
"""GitHub refuses more than 65,536 characters."""

PAGE = 100


@dataclass(frozen=True)
class GitHub:
    """The comments of one pull request.

    Attributes:
        address: Of GitHub's API for the repository.
        token: May write to pull requests.
        pull_request: Its number.
    """

    address: str
    token: str
    pull_request: int

    def comments(self) -> Iterator[dict[str, Any]]:
        """Every comment, the oldest first."""
        page = 0
        while True:
            page += 1
            query = f"per_page={PAGE}&page={page}"
            found = self._ask("GET", f"/issues/{self.pull_request}/comments?{query}")
            yield from found
            if len(found) < PAGE:
                return

    def keep(self, body: str) -> str:
        """Write the comment or replace its text; gives its address."""
        for one in self.comments():
            if MARKER in one["body"] and one["user"]["login"] == AUTHOR:
                told = self._ask("PATCH", f"/issues/comments/{one['id']}", {"body": body})
                return str(told["html_url"])
        told = self._ask("POST", f"/issues/{self.pull_request}/comments", {"body": body})
        return str(told["html_url"])

    def _ask(self, method: str, path: str, content: dict[str, str] | None = None) -> Any:
        request = urllib.request.Request(  # noqa: S310 - the address is GitHub's own variable
            f"{self.address}{path}",
            method=method,
            data=json.dumps(content).encode() if content else None,
            headers={
                "Authorization": f"Bearer {self.token}",
                "Accept": "application/vnd.github+json",
                "Content-Type": "application/json",
                "X-GitHub-Api-Version": "2022-11-28",
            },
        )
        with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310
            return json.loads(answer.read())


def body(summary: str, link: str) -> str:
    """The text of the comment; a long summary is cut at the end of a line."""
    text = summary.strip()
    note = ""
    if len(text) > LONGEST:
        text = text[: text.rindex("\n", 0, LONGEST)]
        note = "\n\nCut here; the run's own page has all of it."
    return f"{MARKER}\n{text}{note}\n\n[The workflow's run]({link})\n"


def main() -> int:
    """The command."""
    parser = argparse.ArgumentParser(description="Keep one comment on a pull request.")
    parser.add_argument("--pull-request", type=int, required=True)
    parser.add_argument("--file", type=Path, required=True, help="Markdown of the comment")
    parser.add_argument("--instead", required=True, help="the text where there is no such file")
    options = parser.parse_args()
    repository = os.environ["GITHUB_REPOSITORY"]
    link = f"{os.environ['GITHUB_SERVER_URL']}/{repository}/actions/runs/"
    link += os.environ["GITHUB_RUN_ID"]
    summary = options.file.read_text() if options.file.exists() else options.instead
    github = GitHub(
        f"{os.environ['GITHUB_API_URL']}/repos/{repository}",
        os.environ["GITHUB_TOKEN"],
        options.pull_request,
    )
    try:
        sys.stdout.write(f"{github.keep(body(summary, link))}\n")
    except urllib.error.HTTPError as error:
        sys.stderr.write(f"GitHub refused the comment: {error} {error.read().decode()}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
