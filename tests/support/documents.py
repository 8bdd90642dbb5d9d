"""The documents for people, and the commands that stand in them."""

import re

from polygon_assets.env import PROJECT_ROOT

DOCUMENTS = sorted(
    path
    for folder in (".", ".github", "airbyte_connector", "streaming")
    for path in (PROJECT_ROOT / folder).glob("*.md")
)


def shell_lines(text: str) -> list[str]:
    """The lines of a document's blocks of shell; a line that is continued is one."""
    blocks = re.findall(r"```(?:bash|sh)\n(.*?)```", text, re.DOTALL)
    return "\n".join(blocks).replace("\\\n", " ").splitlines()


def prose(text: str) -> str:
    """A document without its blocks."""
    return re.sub(r"```.*?```", "", text, flags=re.DOTALL)
