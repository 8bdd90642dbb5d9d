"""Filter patterns of CloudWatch Logs, as far as the stack uses them: ``{ $.a = "b*" || ... }``."""

import json
import re
from fnmatch import fnmatchcase

_TERM = re.compile(r'\$\.(\w+) = "([^"]*)"')


def matches(pattern: str, line: str) -> bool:
    """Whether a line is one that CloudWatch would count.

    Raises:
        ValueError: The pattern has what this module does not know.
    """
    terms = _TERM.findall(pattern)
    if "{ " + " || ".join(f'$.{name} = "{value}"' for name, value in terms) + " }" != pattern:
        raise ValueError(f"{pattern} is more than this module knows")
    try:
        fields = json.loads(line)
    except json.JSONDecodeError:
        return False
    return any(fnmatchcase(str(fields.get(name, "")), value) for name, value in terms)
