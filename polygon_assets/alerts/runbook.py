"""Which entry of ``.github/RUNBOOK.md`` says what to do about a problem.

A check is of the first family whose pattern its name matches; dbt names a test after the rule and
the model. A contract test keeps families, checks and entries together.
"""

import re

RUN_FAILED = "a-run-failed"
NOT_FRESH = "an-asset-is-not-fresh"
NOT_DELIVERED = "alerts-are-not-delivered"

ALERTS = (RUN_FAILED, NOT_FRESH, NOT_DELIVERED)

FAMILIES: dict[str, str] = {
    "a-session-is-missing": r"session_freshness",
    "rows-are-missing": r"complete",
    "unusually-few-or-many-rows": r"row_count_band",
    "rows-vanished": r"nothing_vanished",
    "values-were-rejected": r"nothing_rejected",
    "fields-changed": r"schema_drift",
    "flat-files-differ": r"agrees_with_rest|file_is_current",
    "bars-are-not-final": r"bars_final",
    "the-sink-is-behind": r"sink_keeps_up",
    "the-stream-was-interrupted": r"no_gaps",
    "messages-were-not-understood": r"no_dead_letters",
    "rollups-are-wrong": r"equals_second_bars|clock_is_the_newest_bar",
    "the-streams-clocks-disagree": r"in_order|no_bar_during_halt",
    "stream-and-official-bars-differ": r"inside_bands|both_sides_present",
    "a-model-breaks-its-contract": r"not_null_.+|accepted_values_.+|not_negative_.+|positive_.+"
    r"|between_values_.+|ohlc_consistent_.+|nothing_rejected_.+",
    "a-model-has-other-rows-than-its-source": r"same_rows_per_session_.+|sums_per_session_.+"
    r"|relationships_.+|every_bar_once_.+|a_row_per_reconciled_symbol_.+",
    "the-history-of-securities-has-holes": r"ranges_are_contiguous_.+|one_current_.+",
    "keys-are-not-unique": r"key_unique|unique_.+|one_bar_per_security_.+|one_rank_per_symbol_.+",
    "values-cannot-be": r"ohlc_consistent|vwap_inside_bar|volume_not_negative|ratio_positive"
    r"|cash_positive|interest_not_negative|short_part_of_total|known_status|price_and_size"
    r"|bid_and_ask|band_in_order|ends_after_it_begins|reason_given|session_of_bar|session_of_row"
    r"|inside_session",
    "a-dashboard-is-broken": r"charts_return_rows|columns_exist|exposure_agrees",
    "the-vendors-data-is-odd": r"every_bar_is_listed|one_split_per_day|period_before_filing",
}
"""Anchor of an entry -> names of the checks that it is about."""


def entry_of_check(name: str) -> str:
    """The anchor of a check's entry; empty for a check that no family knows."""
    found = (entry for entry, pattern in FAMILIES.items() if re.fullmatch(pattern, name))
    return next(found, "")
