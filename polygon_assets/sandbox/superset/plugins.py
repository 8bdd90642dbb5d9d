"""The project's chart types, served to Superset's front end.

The front end asks ``/dynamic-plugins/api/read`` which further chart types there are and imports
their modules. Superset 6.1 has no such route of its own left, so this one takes its place.
"""

from pathlib import Path

from flask import Blueprint, Response, abort, jsonify, send_from_directory

CHART_TYPES = [
    {
        "id": 1,
        "name": "Candlestick",
        "key": "polygon_candlestick",
        "bundle_url": "/viz-plugins/candlestick.js",
    }
]

_SUFFIXES = (".js", ".mjs")


def viz_plugins(folder: Path) -> Blueprint:
    """The routes of the chart types.

    Args:
        folder: Where their modules are; only modules, and none of its subfolders, are served.
    """
    routes = Blueprint("viz_plugins", __name__)

    @routes.get("/dynamic-plugins/api/read")
    def read() -> Response:
        return jsonify(result=CHART_TYPES)

    # A name without slashes: nothing outside of the folder has one.
    @routes.get("/viz-plugins/<string:name>")
    def module(name: str) -> Response:
        if not name.endswith(_SUFFIXES):
            abort(404)
        # A changed module is there with the next reload.
        return send_from_directory(folder, name, mimetype="text/javascript", max_age=0)

    return routes
