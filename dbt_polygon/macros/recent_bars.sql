{#- Adjusted bars for figures of the last 52 weeks and less, as the CTE `recent`; the model selects
    from it and filters by `is_wanted`.

    A run reads two years before what it computes: 52 weeks of sessions, each with 52 weeks of its
    own. No figure reaches further, so it is the same whichever run computes it, and a run costs the
    same however long the history is.

    `from_session`: a scalar query; from that session on, if any, every security is computed again.

    Columns: security_id, symbol, session_date, the `columns` asked for, and is_wanted. -#}
{% macro recent_bars(columns, from_session=none) -%}
{%- set bars = ref('fct_daily_adjusted') -%}
{%- if is_incremental() %}
restated as (
    {{ restated_from(bars) }}
),
{% endif %}
wanted as (
    select
        bars.security_id,
        min(bars.session_date) as first_session,
        max(bars.session_date) as last_session
    from {{ bars }} as bars
    {%- if is_incremental() %}
    left join restated
        on bars.security_id = restated.security_id
    {%- endif %}
    where
        {{ in_session_window('bars.session_date') }}
        {%- if is_incremental() %}
        or bars.session_date >= restated.from_session
        {%- if from_session %}
        or bars.session_date >= {{ from_session }}
        {%- endif %}
        {%- endif %}
    group by bars.security_id
),

recent as (
    select
        bars.security_id,
        bars.symbol,
        bars.session_date,
        {%- for column in columns %}
        bars.{{ column }},
        {%- endfor %}
        bars.session_date >= wanted.first_session as is_wanted
    from {{ bars }} as bars
    inner join wanted
        on bars.security_id = wanted.security_id
        and bars.session_date >= dateadd('day', -728, wanted.first_session)
        and bars.session_date <= wanted.last_session
    -- As a date, so that a warehouse reads nothing else.
    where bars.session_date >= (select cast(dateadd('day', -728, min(firsts.first_session)) as date) from wanted as firsts)
)
{%- endmacro %}


{% macro by_bar() -%}
    partition by security_id
    order by session_date
{%- endmacro %}


{#- The window of the last `count` bars of a security, in the rows of recent_bars. -#}
{% macro last_bars(count) -%}
    {{ by_bar() }}
    rows between {{ count - 1 }} preceding and current row
{%- endmacro %}


{#- The window of the last 52 weeks of a security, this session included. -#}
{% macro last_year() -%}
    {{ by_bar() }}
    range between interval '364 days' preceding and current row
{%- endmacro %}


{#- The window of the last `count` sessions of the exchange up to `until` sessions ago, whether or
    not the security traded in them; needs session_number of dim_trading_session. -#}
{% macro last_sessions(count, until=0) -%}
    partition by security_id
    order by session_number
    range between {{ count + until - 1 }} preceding and {{ until ~ " preceding" if until else "current row" }}
{%- endmacro %}


{#- A column of the bar `bars` before; null where that is more than 52 weeks ago. -#}
{% macro earlier(column, bars=1) -%}
    case
        when lag(session_date, {{ bars }}) over ({{ by_bar() }}) >= dateadd('day', -364, session_date)
            then lag({{ column }}, {{ bars }}) over ({{ by_bar() }})
    end
{%- endmacro %}
