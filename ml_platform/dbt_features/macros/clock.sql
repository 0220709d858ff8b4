{#
  In every table a timestamp is UTC; a local time exists only inside a statement.
#}

{% macro utc(timestamp) %}
  {{- return(adapter.dispatch('utc', 'dbt_features')(timestamp)) -}}
{% endmacro %}

{% macro duckdb__utc(timestamp) -%}
  timezone('UTC', {{ timestamp }})
{%- endmacro %}

{% macro bigquery__utc(timestamp) -%}
  {{ timestamp }}
{%- endmacro %}


{% macro local_time(timestamp, zone) %}
  {{- return(adapter.dispatch('local_time', 'dbt_features')(timestamp, zone)) -}}
{% endmacro %}

{% macro duckdb__local_time(timestamp, zone) -%}
  timezone({{ zone }}, timezone('UTC', {{ timestamp }}))
{%- endmacro %}

{% macro bigquery__local_time(timestamp, zone) -%}
  datetime({{ timestamp }}, {{ zone }})
{%- endmacro %}


{% macro from_local_time(local, zone) %}
  {{- return(adapter.dispatch('from_local_time', 'dbt_features')(local, zone)) -}}
{% endmacro %}

{# Of an hour that is shown twice DuckDB takes the second, and BigQuery the first. #}
{% macro duckdb__from_local_time(local, zone) -%}
  {%- set latest = "timezone('UTC', timezone(" ~ zone ~ ", " ~ local ~ "))" -%}
  {%- set an_hour_before = latest ~ " - interval 1 hour" -%}
  (case when {{ dbt_features.local_time(an_hour_before, zone) }} = {{ local }} then {{ an_hour_before }} else {{ latest }} end)
{%- endmacro %}

{% macro bigquery__from_local_time(local, zone) -%}
  timestamp({{ local }}, {{ zone }})
{%- endmacro %}


{% macro weekday(local) %}
  {{- return(adapter.dispatch('weekday', 'dbt_features')(local)) -}}
{% endmacro %}

{% macro duckdb__weekday(local) -%}
  extract(isodow from {{ local }})
{%- endmacro %}

{% macro bigquery__weekday(local) -%}
  mod(extract(dayofweek from {{ local }}) + 5, 7) + 1
{%- endmacro %}


{% macro day_of_year(local) %}
  {{- return(adapter.dispatch('day_of_year', 'dbt_features')(local)) -}}
{% endmacro %}

{% macro duckdb__day_of_year(local) -%}
  extract(doy from {{ local }})
{%- endmacro %}

{% macro bigquery__day_of_year(local) -%}
  extract(dayofyear from {{ local }})
{%- endmacro %}


{% macro minutes_after(timestamp, minutes) -%}
  cast({{ dbt.dateadd('minute', minutes, timestamp) }} as {{ dbt.type_timestamp() }})
{%- endmacro %}
