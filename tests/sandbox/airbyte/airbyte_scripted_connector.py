"""A connector that prints what its configuration says.

The setting `script` names a JSON file: ``lines`` to print, then ``seconds`` to stay alive, then the
``exit`` code. The state that it was started with goes to ``<script>.state``, its process id to
``<script>.pid``.
"""

import argparse
import json
import os
import sys
import time
from pathlib import Path


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("command", choices=["read"])
    for name in ("config", "catalog", "state"):
        parser.add_argument(f"--{name}", type=Path, required=True)
    options = parser.parse_args()
    path = json.loads(options.config.read_text())["script"]
    script = json.loads(Path(path).read_text())
    Path(f"{path}.state").write_text(options.state.read_text())
    Path(f"{path}.pid").write_text(str(os.getpid()))
    for line in script["lines"]:
        sys.stdout.write(line if isinstance(line, str) else json.dumps(line))
        sys.stdout.write("\n")
    sys.stdout.flush()
    sys.stderr.write(script.get("stderr", ""))
    time.sleep(script.get("seconds", 0))
    return int(script.get("exit", 0))


if __name__ == "__main__":
    sys.exit(main())
