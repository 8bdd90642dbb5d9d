"""Bundles for tests: the project's with something changed in its files."""

from collections.abc import Mapping

from polygon_assets.defs.dashboards.addresses import DatabaseAddress
from polygon_assets.defs.dashboards.bundle import Bundle, parse, read_files

ADDRESSES: Mapping[str, DatabaseAddress] = {
    "clickhouse": DatabaseAddress("clickhousedb://reader:XXXXXXXXXX@clickhouse:8443/x", "one"),
    "snowflake": DatabaseAddress("snowflake://reader:XXXXXXXXXX@snowflake:443/x/MARTS", "two"),
}


def changed_files(path: str, old: str, new: str) -> dict[str, str]:
    """The project's files with one text replaced in one of them."""
    files = read_files()
    assert old in files[path], f"{path} has no {old}"
    return files | {path: files[path].replace(old, new)}


def changed(path: str, old: str, new: str) -> Bundle:
    """The bundle of those files, not rendered."""
    return parse(changed_files(path, old, new))
