{% macro safe_ratio(numerator, denominator) -%}
  (cast({{ numerator }} as {{ dbt_features.type_double() }}) / nullif({{ denominator }}, 0))
{%- endmacro %}


{# Floats of 64 bits: dbt's own type_float has 32 on DuckDB. #}
{% macro type_double() %}
  {{- return(adapter.dispatch('type_double', 'dbt_features')()) -}}
{% endmacro %}

{% macro default__type_double() -%}
  double precision
{%- endmacro %}

{% macro duckdb__type_double() -%}
  double
{%- endmacro %}

{% macro bigquery__type_double() -%}
  float64
{%- endmacro %}
