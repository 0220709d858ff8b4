{#
  Which days an invocation builds: dbt's own flags `--event-time-start` and `--event-time-end`,
  the end exclusive. They are read when a statement is made, never while the project is parsed,
  because a `--vars` value or an `env_var` would have the whole project parsed anew for every
  partition. Without the flags it is every day that there is.
#}

{% macro day_bounds() %}
  {%- if not execute -%}
    {{ return(none) }}
  {%- endif -%}
  {%- set start = invocation_args_dict.get('event_time_start') -%}
  {%- set end = invocation_args_dict.get('event_time_end') -%}
  {%- if not start or not end -%}
    {{ return(none) }}
  {%- endif -%}
  {{ return({'start': (start | string)[:10], 'end': (end | string)[:10]}) }}
{% endmacro %}


{% macro days_being_built(column, days_before=0, period='day', data_type='date') %}
  {%- set bounds = dbt_features.day_bounds() -%}
  {%- if bounds -%}
    {%- set one_day = modules.datetime.timedelta(days=1) -%}
    {%- set last = dbt_features.period_of(modules.datetime.date.fromisoformat(bounds.end) - one_day, period).last -%}
    {%- set first = dbt_features.period_of(modules.datetime.date.fromisoformat(bounds.start), period).first
        - days_before * one_day -%}
    ({{ column }} >= cast('{{ first.isoformat() }}' as {{ data_type }})
      and {{ column }} < cast('{{ (last + one_day).isoformat() }}' as {{ data_type }}))
  {%- else -%}
    (1 = 1)
  {%- endif -%}
{% endmacro %}


{# The first and the last day of the period that a day is in. #}
{% macro period_of(date, period) %}
  {%- set one_day = modules.datetime.timedelta(days=1) -%}
  {%- if period == 'day' -%}
    {{ return({'first': date, 'last': date}) }}
  {%- elif period == 'week' -%}
    {%- set first = date - date.weekday() * one_day -%}
    {{ return({'first': first, 'last': first + 6 * one_day}) }}
  {%- elif period == 'month' -%}
    {%- set first = date.replace(day=1) -%}
    {%- set next_month = (first + 31 * one_day).replace(day=1) -%}
    {{ return({'first': first, 'last': next_month - one_day}) }}
  {%- endif -%}
  {{ exceptions.raise_compiler_error("a period is 'day', 'week' or 'month', not '" ~ period ~ "'") }}
{% endmacro %}


{% macro day_spine(relation, day) %}
  {{- return(adapter.dispatch('day_spine', 'dbt_features')(relation, day)) -}}
{% endmacro %}

{% macro duckdb__day_spine(relation, day) -%}
  (select cast(unnest(generate_series({{ dbt_features._spine_ends(relation, day) }}, interval 1 day)) as date) as as_of_day)
{%- endmacro %}

{% macro bigquery__day_spine(relation, day) -%}
  (select as_of_day from unnest(generate_date_array({{ dbt_features._spine_ends(relation, day) }})) as as_of_day)
{%- endmacro %}

{# The first and the last day of a spine: of what is built, or without bounds of the relation. #}
{% macro _spine_ends(relation, day) -%}
  {%- set bounds = dbt_features.day_bounds() -%}
  {%- if bounds -%}
    {%- set last = modules.datetime.date.fromisoformat(bounds.end) - modules.datetime.timedelta(days=1) -%}
    cast('{{ bounds.start }}' as date), cast('{{ last.isoformat() }}' as date)
  {%- else -%}
    (select min({{ day }}) from {{ relation }}), (select max({{ day }}) from {{ relation }})
  {%- endif -%}
{%- endmacro %}


{#
  dbt's delete+insert removes the days of which there are new rows: one that has none any more would
  keep its old ones. Nothing where there is no such table, no day or another engine.
#}
{% macro forget_days_being_built(column=none) %}
  {%- set day = column or model.config.event_time -%}
  {%- if target.type == 'duckdb' and model.config.materialized == 'incremental' and day and dbt_features.day_bounds() -%}
    {%- set existing = load_cached_relation(this) -%}
    {%- if existing and existing.is_table and not should_full_refresh() -%}
      {%- set columns = adapter.get_columns_in_relation(existing) | map(attribute='name') | list -%}
      {%- if day in columns -%}
        delete from {{ existing }} where {{ dbt_features.days_being_built(day) }}
      {%- endif -%}
    {%- endif -%}
  {%- endif -%}
{% endmacro %}
