{#- The product of numbers of shares over the rows of a group, or of a window: by logarithms, as there
    is no aggregate that multiplies. A product of whole numbers is whole. -#}
{% macro share_product(shares, window=none) -%}
    {%- set product = "exp(sum(ln(" ~ shares ~ "))" ~ (" over (" ~ window ~ ")" if window else "") ~ ")" -%}
    case
        when abs({{ product }} - round({{ product }})) < 1e-9 * {{ product }} then round({{ product }})
        else {{ product }}
    end
{%- endmacro %}
