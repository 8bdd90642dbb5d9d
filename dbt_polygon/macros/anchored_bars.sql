{#- Adjusted bars for averages with a memory, as the CTE `anchored`; the model selects from it and
    filters by `is_wanted`.

    The sessions of a calendar year look back to 1 January three years before, their anchor, or to
    the security's first bar: far enough for averages with a memory to forget where they began, and
    a run costs the same however long the history is. Every sum begins at the anchor, so a session
    gets the same bits whichever run computes it.

    Columns: session_year, security_id, symbol, session_date, bar_number (1 at the anchor), the
    `columns` asked for, and is_wanted. -#}
{% macro anchored_bars(columns) -%}
{%- set bars = ref('fct_daily_adjusted') -%}
{%- if is_incremental() %}
restated as (
    {{ restated_from(bars) }}
),
{% endif %}
wanted as (
    select
        bars.security_id,
        year(bars.session_date) as session_year,
        min(bars.session_date) as from_session
    from {{ bars }} as bars
    {%- if is_incremental() %}
    left join restated
        on bars.security_id = restated.security_id
    {%- endif %}
    where
        {{ in_session_window('bars.session_date') }}
        {%- if is_incremental() %}
        or bars.session_date >= restated.from_session
        {%- endif %}
    group by bars.security_id, year(bars.session_date)
),

anchored as (
    select
        wanted.session_year,
        bars.security_id,
        bars.symbol,
        bars.session_date,
        row_number() over (
            partition by bars.security_id, wanted.session_year
            order by bars.session_date
        ) as bar_number,
        {%- for column in columns %}
        bars.{{ column }},
        {%- endfor %}
        bars.session_date >= wanted.from_session as is_wanted
    from {{ bars }} as bars
    inner join wanted
        on bars.security_id = wanted.security_id
        and year(bars.session_date) between wanted.session_year - 3 and wanted.session_year
    where bars.session_date >= (select date_from_parts(min(first_years.session_year) - 3, 1, 1) from wanted as first_years)
)
{%- endmacro %}


{#- The window of all bars since the anchor, or of the last `bars` of them. -#}
{% macro since_anchor(bars=none) -%}
    {{ by_anchored_bar() }}
    rows between {{ bars - 1 if bars else "unbounded" }} preceding and current row
{%- endmacro %}


{% macro by_anchored_bar() -%}
    partition by security_id, session_year
    order by session_date
{%- endmacro %}
