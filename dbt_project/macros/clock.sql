{#
  Times. In every table a timestamp is UTC; a local time exists only inside a statement. The two
  engines name these conversions differently, the rest of the project does not know.
#}

{# A loaded time (with a zone where the engine has one) as the engine's plain timestamp, in UTC. #}
{% macro utc(timestamp) %}
  {{- return(adapter.dispatch('utc', 'ml_platform')(timestamp)) -}}
{% endmacro %}

{% macro duckdb__utc(timestamp) -%}
  timezone('UTC', {{ timestamp }})
{%- endmacro %}

{% macro bigquery__utc(timestamp) -%}
  {{ timestamp }}
{%- endmacro %}


{# What a clock on the wall in `zone` shows at a UTC time. #}
{% macro local_time(timestamp, zone) %}
  {{- return(adapter.dispatch('local_time', 'ml_platform')(timestamp, zone)) -}}
{% endmacro %}

{% macro duckdb__local_time(timestamp, zone) -%}
  timezone({{ zone }}, timezone('UTC', {{ timestamp }}))
{%- endmacro %}

{% macro bigquery__local_time(timestamp, zone) -%}
  datetime({{ timestamp }}, {{ zone }})
{%- endmacro %}


{# The UTC time at which a clock in `zone` shows `local`. #}
{% macro from_local_time(local, zone) %}
  {{- return(adapter.dispatch('from_local_time', 'ml_platform')(local, zone)) -}}
{% endmacro %}

{% macro duckdb__from_local_time(local, zone) -%}
  timezone('UTC', timezone({{ zone }}, {{ local }}))
{%- endmacro %}

{% macro bigquery__from_local_time(local, zone) -%}
  timestamp({{ local }}, {{ zone }})
{%- endmacro %}


{# 1 for Monday to 7 for Sunday. #}
{% macro weekday(local) %}
  {{- return(adapter.dispatch('weekday', 'ml_platform')(local)) -}}
{% endmacro %}

{% macro duckdb__weekday(local) -%}
  extract(isodow from {{ local }})
{%- endmacro %}

{% macro bigquery__weekday(local) -%}
  mod(extract(dayofweek from {{ local }}) + 5, 7) + 1
{%- endmacro %}


{# 1 for the first of January. #}
{% macro day_of_year(local) %}
  {{- return(adapter.dispatch('day_of_year', 'ml_platform')(local)) -}}
{% endmacro %}

{% macro duckdb__day_of_year(local) -%}
  extract(doy from {{ local }})
{%- endmacro %}

{% macro bigquery__day_of_year(local) -%}
  extract(dayofyear from {{ local }})
{%- endmacro %}


{# A UTC time some minutes later; dbt's dateadd makes another type of it on BigQuery. #}
{% macro minutes_after(timestamp, minutes) -%}
  cast({{ dbt.dateadd('minute', minutes, timestamp) }} as {{ dbt.type_timestamp() }})
{%- endmacro %}


{# Minutes since midnight of a clock time written 745 or 1530. #}
{% macro minutes_of_clock(hhmm) -%}
  cast({{ hhmm }} - 40 * floor({{ hhmm }} / 100) as {{ dbt.type_int() }})
{%- endmacro %}
