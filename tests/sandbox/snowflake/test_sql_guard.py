"""The guard against SQL that only DuckDB understands."""

import pytest
from support.sql_guard import findings


@pytest.mark.parametrize(
    "sql",
    [
        "select a, sum(b) over (partition by a order by c rows between 1 preceding and 1 following)"
        " from t qualify row_number() over (partition by a order by c desc) = 1",
        "with t (a) as (select 1), u as (select * from t) select * from u join t on u.a = t.a",
        "select cast(a as number(18, 2)), a::timestamp_ntz(9), try_cast(a as date) from t",
        "select a from t where a in (1, 2) and (b or c) and not exists (select 1 from u)",
        "select * exclude (a) from t",
        "select date '2020-01-01', current_date, current_timestamp(), d + interval '1 day' from t",
        "select f.value:a::varchar from t, lateral flatten(input => t.v) as f",
        "select listagg(a, ',') within group (order by b), max_by(a, b), count_if(a) from t",
        "select ln(a), stddev_samp(a), greatest(a, b), dateadd(day, 1, d), left(s, 3) from t",
        "merge into a using b on a.x = b.x when matched then update set y = b.y"
        " when not matched then insert (x, y) values (b.x, b.y)",
        "create or replace transient table a.b.c as (select 1 as x)",
        "create or replace view a.b.stg_bars (symbol, close) as (select symbol, close from t)",
        "insert into a.b.bars (symbol, close) (select symbol, close from t); commit",
        "delete from t using (select distinct d from u) as picked where t.d = picked.d",
    ],
)
def test_snowflake_passes(sql: str) -> None:
    assert findings(sql) == []


@pytest.mark.parametrize(
    ("sql", "finding"),
    [
        ("select list_sum(a), epoch_ms(b) from t", "function LIST_SUM"),
        ("select strftime(a, '%Y') from t", "function STRFTIME"),
        ("select string_agg(a) from t", "function STRING_AGG"),
        ("select date_diff('day', a, b) from t", "function DATE_DIFF"),
        ("select * from read_parquet('x')", "function READ_PARQUET"),
        ("select * from 'x.csv'", "file 'x.csv' as a table"),
        ("select distinct on (a) b from t", "DISTINCT ON"),
        ("select count(*) filter (where a) from t", "FILTER (WHERE ...) of an aggregate"),
        ("select columns('a.*') from t", "COLUMNS()"),
        ("select * from a anti join b on a.x = b.x", "ANTI JOIN"),
        ("select * from a semi join b on a.x = b.x", "SEMI JOIN"),
        ("select * from a positional join b", "POSITIONAL JOIN"),
        ("from t select a", "FROM before SELECT"),
        ("select a from t limit 10%", "LIMIT with a percentage"),
        ("select a + interval 5 day from t", "INTERVAL without quotes"),
        ("select a == b from t", "operator =="),
        ("select * from t using sample 10%", "USING SAMPLE"),
        ("select [x for x in l] from t", "list comprehension"),
        ("select a::hugeint from t", "type HUGEINT"),
        ("pivot t on a", "statement PIVOT t ON a"),
    ],
)
def test_what_only_duckdb_understands_is_found(sql: str, finding: str) -> None:
    found = findings(sql)
    assert any(each.startswith(finding) for each in found), found


def test_what_does_not_parse_is_found() -> None:
    assert findings("select a from where")[0].startswith("does not parse: ")
