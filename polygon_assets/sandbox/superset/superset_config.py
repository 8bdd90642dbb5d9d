"""Superset's settings in the sandbox. All that differs between sandboxes is in the environment."""

# pyright: reportMissingImports=false, reportMissingModuleSource=false
# pyright: reportUntypedBaseClass=false
# Superset is in an environment of its own, where this runs.

import os
from datetime import timedelta
from pathlib import Path
from typing import Any

from superset.utils.log import AbstractEventLogger

from polygon_assets.sandbox.superset.plugins import viz_plugins


class NoEventLogger(AbstractEventLogger):
    """Forgets what users do: a dashboard that refreshes for days would fill the disk."""

    def log(self, *arguments: Any, **more: Any) -> None:
        """Do nothing."""


_folder = Path(os.environ["SUPERSET_HOME"])

# Sandboxes differ by their port alone, which is no part of a cookie's scope.
SESSION_COOKIE_NAME = f"superset_{os.environ['SUPERSET_PORT']}"
SECRET_KEY = os.environ["SUPERSET_SECRET_KEY"]
GUEST_TOKEN_JWT_SECRET = SECRET_KEY
WTF_CSRF_ENABLED = True

# The metadata database: absolute, as Superset would take it relative to a folder of its own. Its
# threads write one at a time, so a writer may have to wait.
SQLALCHEMY_DATABASE_URI = f"sqlite:///{_folder / 'metadata.db'}?check_same_thread=false"
SQLALCHEMY_ENGINE_OPTIONS = {"connect_args": {"timeout": 30}}
ALEMBIC_SKIP_LOG_CONFIG = True
DATA_DIR = str(_folder)
UPLOAD_FOLDER = str(_folder / "uploads") + "/"

# Live dashboards ask every ten seconds and must get what is there now.
CACHE_CONFIG = {"CACHE_TYPE": "NullCache"}
DATA_CACHE_CONFIG = {"CACHE_TYPE": "NullCache"}
DASHBOARD_AUTO_REFRESH_MODE = "force"
# The state of filters and of charts that are being edited stays with Superset's default: a table
# of the metadata database, which needs no further server.

ROW_LIMIT = 10_000
SQL_MAX_ROW = 100_000
DEFAULT_SQLLAB_LIMIT = 1_000
SQLLAB_TIMEOUT = int(timedelta(seconds=30).total_seconds())
SUPERSET_WEBSERVER_TIMEOUT = int(timedelta(seconds=60).total_seconds())

FEATURE_FLAGS = {"DYNAMIC_PLUGINS": True, "ENABLE_TEMPLATE_PROCESSING": False}
BLUEPRINTS = [viz_plugins(Path(os.environ["SUPERSET_VIZ_PLUGINS"]))]

CELERY_CONFIG = None
EVENT_LOGGER = NoEventLogger()
LOG_LEVEL = "WARNING"
RATELIMIT_STORAGE_URI = "memory://"

# Superset's own policy without any other host: no counting pixel, no fonts, no map tiles.
TALISMAN_CONFIG = {
    "content_security_policy": {
        "base-uri": ["'self'"],
        "default-src": ["'self'"],
        "img-src": ["'self'", "blob:", "data:"],
        "worker-src": ["'self'", "blob:"],
        "connect-src": ["'self'"],
        "object-src": "'none'",
        "style-src": ["'self'", "'unsafe-inline'"],
        "font-src": ["'self'"],
        "script-src": ["'self'", "'strict-dynamic'"],
    },
    "content_security_policy_nonce_in": ["script-src"],
    "force_https": False,
    "session_cookie_secure": False,
}
THEME_FONT_URL_ALLOWED_DOMAINS: list[str] = []
