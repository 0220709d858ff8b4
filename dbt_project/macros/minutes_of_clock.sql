{# Minutes since midnight of a clock time written 745 or 1530. #}
{% macro minutes_of_clock(hhmm) -%}
  cast({{ hhmm }} - 40 * floor({{ hhmm }} / 100) as {{ dbt.type_int() }})
{%- endmacro %}
