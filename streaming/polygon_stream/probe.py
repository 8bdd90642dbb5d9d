"""Health check of a container: ``python -m polygon_stream.probe`` exits 0 when /healthz says 200.

/healthz says 503 when the last event is too old, or nothing could be written for too long.
"""

import os
import sys
import urllib.error
import urllib.request


def main() -> int:
    """Ask the program of this container, at ``STREAM_HEALTH_PORT``; write down what is wrong.

    Returns:
        0 when it is healthy, else 1.
    """
    port = os.environ.get("STREAM_HEALTH_PORT", "")
    if not port.isdigit() or port == "0":
        sys.stderr.write(f"STREAM_HEALTH_PORT is {port!r}: there is no /healthz to ask\n")
        return 1
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz", timeout=4):
            return 0
    except urllib.error.HTTPError as error:
        sys.stderr.write(f"{error.code}: {error.read().decode()}\n")
    except OSError as error:
        sys.stderr.write(f"{error}\n")
    return 1


if __name__ == "__main__":
    sys.exit(main())
