"""Superset or Preset: the login, and whether it has what would be pushed."""

from polygon_assets.defs.dashboards.push import deployment_bundle
from polygon_assets.defs.dashboards.served import changes
from polygon_assets.doctor.findings import (
    ACCEPTED,
    REACHABLE,
    Finding,
    Findings,
    ok,
    problem,
    told,
    warning,
    words,
)
from polygon_assets.env import Names
from polygon_assets.preflight import MissingCredentialError, ServiceUnreachableError
from polygon_assets.resources.superset import Superset, SupersetError, superset

PUSHED = "dashboards"
_PUSH = "Run `polygon dashboards push --dry-run` to see what, then push or pull."


def examine(names: Names, *, probe: bool) -> Findings:
    """Whether the server lets us in, and its dashboards are those of the files."""
    del probe  # a push itself changes nothing twice
    server = superset().process_config_and_initialize()
    if not server.is_reachable():
        yield _away(server)
        return
    yield ok(REACHABLE, f"{server.address} answers")
    try:
        bundle = deployment_bundle(names, server)
        with server.client() as client:
            yield ok(ACCEPTED, f"{server.user} may use the API")
            found = [one for one in changes(client, bundle) if one.action != "keep"]
    except (MissingCredentialError, ServiceUnreachableError, SupersetError) as error:
        yield told(ACCEPTED, error)
        return
    if found:
        text = ", ".join(f"{one.kind}/{one.key}" for one in found[:3])
        more = f" and {len(found) - 3} more" if len(found) > 3 else ""
        yield warning(PUSHED, words(f"Not as in the files: {text}{more}"), _PUSH)
    else:
        yield ok(PUSHED, f"{len(bundle.dashboards)} as in the files")


def _away(server: Superset) -> Finding:
    """A server on this machine is a choice; one elsewhere was meant to be there."""
    if server.is_here:
        return ok(REACHABLE, "not used: no dashboards are served here (`polygon up --bi`)")
    return problem(REACHABLE, f"{server.address} does not answer", "Check DASHBOARDS_URL.")
