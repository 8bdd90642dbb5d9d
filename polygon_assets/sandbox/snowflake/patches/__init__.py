"""What is wrong inside fakesnow 0.12.1 and can only be put right there: one file per defect.

Each replaces one function of fakesnow. A later version of fakesnow must run the tests again; a
defect that it mends is a file to delete.
"""

from polygon_assets.sandbox.snowflake.patches import (
    comment_with_apostrophe,
    copy_of_csv,
    create_table_from_star,
    describe_temporary_table,
    information_schema_numbers,
    information_schema_views,
    quoted_identifier_argument,
    sum_of_numbers,
)


def apply() -> None:
    """Put right every defect. Call once, before the first session."""
    comment_with_apostrophe.apply()
    copy_of_csv.apply()
    create_table_from_star.apply()
    describe_temporary_table.apply()
    information_schema_numbers.apply()
    information_schema_views.apply()
    quoted_identifier_argument.apply()
    sum_of_numbers.apply()
