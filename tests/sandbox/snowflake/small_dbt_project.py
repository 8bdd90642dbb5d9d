"""A small dbt project that uses each feature of dbt-snowflake that ours relies on."""

from pathlib import Path

FILES = {
    "dbt_project.yml": """
name: small
version: "1.0"
profile: small
model-paths: [models]
seed-paths: [seeds]
snapshot-paths: [snapshots]
models:
  small:
    +persist_docs: {relation: true, columns: true}
    +query_tag: small
""",
    "profiles.yml": """
small:
  target: sandbox
  outputs:
    sandbox:
      type: snowflake
      account: sandbox
      host: 127.0.0.1
      port: "{{ env_var('SNOWFLAKE_PORT') | as_number }}"
      protocol: http
      user: sandbox
      password: sandbox
      database: SMALL_DBT
      schema: MARTS
      warehouse: SANDBOX
      role: SANDBOX
      threads: 2
      connect_retries: 0
""",
    "seeds/bars.csv": """
session_date,symbol,close,volume
2005-02-25,AAPL,44.5,100.5
2005-02-28,AAPL,44.86,200
2005-02-28,MSFT,25.16,
""",
    "models/stg_bars.sql": """
select session_date, symbol, close, volume from {{ ref('bars') }}
""",
    "models/last_bars.sql": """
{{ config(materialized='table') }}
select symbol, close::number(18, 4) as close, session_date
from {{ ref('stg_bars') }}
qualify row_number() over (partition by symbol order by session_date desc) = 1
""",
    "models/window_bars.sql": """
{{ config(materialized='incremental', incremental_strategy='delete+insert',
          unique_key=['session_date', 'symbol'], on_schema_change='append_new_columns') }}
select session_date, symbol, close, {{ var('generation', 1) }} as generation
from {{ ref('stg_bars') }}
{% if is_incremental() %}
where session_date between '{{ var("first") }}'::date and '{{ var("last") }}'::date
{% endif %}
""",
    "models/merged_bars.sql": """
{{ config(materialized='incremental', incremental_strategy='merge',
          unique_key=['session_date', 'symbol']) }}
select session_date, symbol, close, {{ var('generation', 1) }} as generation
from {{ ref('stg_bars') }}
""",
    "models/models.yml": """
version: 2
models:
  - name: stg_bars
    description: It's a view of the seed's bars.
  - name: last_bars
    description: The "last" bar of each symbol; it's one row a symbol.
    config:
      contract: {enforced: true}
    columns:
      - name: symbol
        data_type: varchar
        description: The vendor's ticker.
        constraints: [{type: not_null}]
        data_tests: [not_null, unique]
      - {name: close, data_type: "number(18, 4)"}
      - {name: session_date, data_type: date}
  - name: window_bars
    columns:
      - name: symbol
        data_tests:
          - accepted_values: {arguments: {values: [AAPL, MSFT]}}
          - relationships: {arguments: {to: ref('last_bars'), field: symbol}}
unit_tests:
  - name: the_newest_bar_wins
    model: last_bars
    given:
      - input: ref('stg_bars')
        rows:
          - {session_date: 2005-02-25, symbol: X, close: 1}
          - {session_date: 2005-02-28, symbol: X, close: 2}
    expect:
      rows:
        - {session_date: 2005-02-28, symbol: X, close: 2}
""",
    "snapshots/last_bars_history.yml": """
snapshots:
  - name: last_bars_history
    relation: ref('last_bars')
    config: {unique_key: symbol, strategy: check, check_cols: [close]}
""",
}


def write(folder: Path) -> Path:
    """Write the project; the folder is project and profiles directory."""
    for name, text in FILES.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text.lstrip("\n"))
    return folder
