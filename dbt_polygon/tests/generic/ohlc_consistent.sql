{#- Prices are above zero, the high is the highest and the low the lowest of each bar. -#}
{% test ohlc_consistent(model) %}
    select
        session_date,
        symbol,
        open,
        high,
        low,
        close
    from {{ model }}
    where
        not coalesce(low > 0, false)
        or not coalesce(high >= greatest(open, low, close), false)
        or not coalesce(low <= least(open, high, close), false)
{% endtest %}
