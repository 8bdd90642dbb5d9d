"""``python -m polygon_assets.site FOLDER``: build the site here; ``polygon site`` starts it."""

import sys
from pathlib import Path

from rich.console import Console
from rich.markup import escape

from polygon_assets.cli.board import Board
from polygon_assets.site.build import BuildError, build_site


def main(folder: Path) -> int:
    """Build into an empty folder; what cannot be built is one sentence and exit code 1."""
    try:
        with Board() as board:
            build_site(folder, board)
    except (BuildError, ValueError) as error:
        Console(stderr=True).print(f"[red]✗[/] {escape(str(error))}", soft_wrap=True)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
