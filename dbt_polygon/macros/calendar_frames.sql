{#- The window of the last 52 weeks of a security, this session included, in the rows of
    anchored_bars. -#}
{% macro last_year() -%}
    partition by security_id, session_year
    order by session_date
    range between interval '364 days' preceding and current row
{%- endmacro %}


{#- The window of the last `count` sessions of the exchange up to `until` sessions ago, whether or
    not the security traded in them; needs session_number of dim_trading_session. -#}
{% macro last_sessions(count, until=0) -%}
    partition by security_id, session_year
    order by session_number
    range between {{ count + until - 1 }} preceding and {{ until ~ " preceding" if until else "current row" }}
{%- endmacro %}
