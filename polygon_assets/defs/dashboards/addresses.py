"""How the dashboards' server reaches ClickHouse and Snowflake."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import quote

from polygon_stream.settings import ClickHouseSettings

from polygon_assets.env import Names
from polygon_assets.operation_settings import DashboardSettings
from polygon_assets.preflight import MissingCredentialError
from polygon_assets.settings import SnowflakeSettings

PASSWORD_MASK = "XXXXXXXXXX"  # noqa: S105  Superset's own sign for a password that is sent apart


@dataclass(frozen=True)
class DatabaseAddress:
    """How the dashboards' server reaches a database.

    Attributes:
        uri: SQLAlchemy's, with :data:`PASSWORD_MASK` in the place of a password.
        password: Sent apart from the bundle; empty where the database asks for none.
    """

    uri: str
    password: str = field(default="", repr=False)


def database_addresses(names: Names) -> dict[str, DatabaseAddress]:
    """Key of each database of the bundle -> its address, as the environment has it.

    The dashboards' own users are used where they are set, and else those of the platform.

    Raises:
        MissingCredentialError: The platform's Snowflake user has a private key only, which
            Superset does not take in an address.
    """
    own, clickhouse, snowflake = DashboardSettings(), ClickHouseSettings(), SnowflakeSettings()
    reader = own.clickhouse_user
    secret = own.clickhouse_password if reader else clickhouse.password
    options = {
        "account": snowflake.account,
        "warehouse": own.snowflake_warehouse or snowflake.warehouse,
        "role": own.snowflake_role or snowflake.role,
    }
    viewer = own.snowflake_user
    token = own.snowflake_password if viewer else snowflake.password
    if not token.get_secret_value():
        raise MissingCredentialError(
            "Dashboards reach Snowflake with a password or a programmatic access token: set "
            "DASHBOARDS_SNOWFLAKE_USER and DASHBOARDS_SNOWFLAKE_PASSWORD."
        )
    return {
        "clickhouse": clickhouse_uri(
            own.clickhouse_url or clickhouse.url,
            reader or clickhouse.user,
            secret.get_secret_value(),
            names.clickhouse_rollups,
        ),
        "snowflake": snowflake_uri(
            snowflake.address,
            (viewer or snowflake.user, token.get_secret_value()),
            f"{names.snowflake_database}/MARTS",
            options,
        ),
    }


def clickhouse_uri(url: str, user: str, password: str, database: str) -> DatabaseAddress:
    """A ClickHouse service for Superset.

    Args:
        url: Of the HTTP interface, such as ``https://host:8443``.
        user: User of the dashboards.
        password: Its password.
        database: Database to open.
    """
    scheme, _, rest = url.rstrip("/").partition("://")
    host = rest.rpartition("@")[2].partition("/")[0]
    if ":" not in host:
        host = f"{host}:{8443 if scheme == 'https' else 8123}"
    login = quote(user, safe="") + (f":{PASSWORD_MASK}" if password else "")
    secure = "?secure=true" if scheme == "https" else ""
    return DatabaseAddress(f"clickhousedb://{login}@{host}/{database}{secure}", password)


def snowflake_uri(
    address: tuple[str, int, str], login: tuple[str, str], path: str, options: Mapping[str, str]
) -> DatabaseAddress:
    """A Snowflake account for Superset.

    Args:
        address: Host, port, protocol.
        login: User of the dashboards, and its password or programmatic access token.
        path: ``DATABASE/SCHEMA``.
        options: account, warehouse, role.
    """
    host, port, protocol = address
    user, password = login
    given = {**options, **({} if protocol == "https" else {"protocol": protocol})}
    query = "&".join(f"{key}={quote(value, safe='')}" for key, value in given.items() if value)
    start = f"snowflake://{quote(user, safe='')}:{PASSWORD_MASK}@{host}:{port}"
    return DatabaseAddress(f"{start}/{path}?{query}", password)
