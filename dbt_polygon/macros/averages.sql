{#- Averages with a memory, over the bars since the anchor (see anchored_bars).

    Each is defined by a recursion: the mean of its first `bars` values, and from then on
    average = previous average + alpha * (value - previous average).
    Written out, that is one sum over all bars, with the decay 1 - alpha to the power of how long
    ago each was. Ages are counted from the seed, so weights grow with the bars: the anchor is near
    enough that they stay far inside of a double. A value of the seed weighs 1, and the sum is divided
    by `bars`. -#}
{% macro decaying_average(value, bars, alpha, first_bar) -%}
{%- set seed = first_bar + bars - 1 -%}
{%- set decay = 1 - alpha -%}
case
    when bar_number >= {{ seed }}
        then power({{ decay }}, bar_number - {{ seed }}) * sum({{ value }} * case
            when bar_number < {{ first_bar }} then 0
            when bar_number <= {{ seed }} then 1
            else {{ alpha * bars }} * power({{ decay }}, {{ seed }} - bar_number)
        end) over ({{ since_anchor() }}) / {{ bars }}
end
{%- endmacro %}


{#- Exponential moving average: alpha is 2 / (bars + 1). -#}
{% macro exponential_average(value, bars, first_bar=1) -%}
    {{ decaying_average(value, bars, 2 / (bars + 1), first_bar) }}
{%- endmacro %}


{#- Wilder's average: alpha is 1 / bars. His values compare a bar with the one before, so the first
    one is at the second bar. -#}
{% macro wilder_average(value, bars, first_bar=2) -%}
    {{ decaying_average(value, bars, 1 / bars, first_bar) }}
{%- endmacro %}


{#- Mean of the last `bars` bars; null until there are as many since the anchor. -#}
{% macro simple_average(value, bars) -%}
    case when bar_number >= {{ bars }} then avg({{ value }}) over ({{ since_anchor(bars) }}) end
{%- endmacro %}
