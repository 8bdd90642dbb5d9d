"""A connector that prints what its configuration says.

The setting `script` names a JSON file: ``lines`` to print, or the ``file`` that holds them; then
``tail`` without a line's end; then ``seconds`` to stay alive, then the ``exit`` code. The state,
the catalog and the manifest that it was started with go to files beside it (``<script>.state``),
its process id to ``<script>.pid``; ``<script>.printed`` appears when all is printed.
"""

import argparse
import json
import os
import shutil
import sys
import time
from pathlib import Path


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("command", choices=["read"])
    for name in ("config", "catalog", "state", "manifest-path"):
        parser.add_argument(f"--{name}", type=Path, required=True)
    options = parser.parse_args()
    path = json.loads(options.config.read_text())["script"]
    script = json.loads(Path(path).read_text())
    Path(f"{path}.state").write_text(options.state.read_text())
    Path(f"{path}.catalog").write_text(options.catalog.read_text())
    Path(f"{path}.manifest").write_text(options.manifest_path.read_text())
    Path(f"{path}.pid").write_text(str(os.getpid()))
    for line in script["lines"]:
        sys.stdout.write(line if isinstance(line, str) else json.dumps(line))
        sys.stdout.write("\n")
    sys.stdout.flush()
    if "file" in script:
        with Path(script["file"]).open("rb") as lines:
            shutil.copyfileobj(lines, sys.stdout.buffer)
    sys.stdout.write(script.get("tail", ""))
    sys.stdout.flush()
    Path(f"{path}.printed").touch()
    sys.stderr.write(script.get("stderr", ""))
    time.sleep(script.get("seconds", 0))
    return int(script.get("exit", 0))


if __name__ == "__main__":
    sys.exit(main())
