"""ECS health check: ``python -m polygon_stream.probe PORT`` exits 0 when /healthz says 200."""

import sys
import urllib.request


def main(port: int) -> int:
    """Ask the program of this container.

    Returns:
        0 when it is healthy, else 1.
    """
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz", timeout=4):
            return 0
    except OSError as error:
        sys.stderr.write(f"{error}\n")
        return 1


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1])))
