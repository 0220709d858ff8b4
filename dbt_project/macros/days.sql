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


{#
  A condition: `column`, a date, is one of the days being built.

  Args:
      column: an expression of type date.
      days_before: how many days before the first one are wanted too, for a trailing window.
#}
{% macro days_being_built(column, days_before=0) %}
  {%- set bounds = day_bounds() -%}
  {%- if bounds -%}
    {%- set first = modules.datetime.date.fromisoformat(bounds.start) - modules.datetime.timedelta(days=days_before) -%}
    ({{ column }} >= cast('{{ first.isoformat() }}' as date) and {{ column }} < cast('{{ bounds.end }}' as date))
  {%- else -%}
    (1 = 1)
  {%- endif -%}
{% endmacro %}


{#
  Removes the rows of the days that are about to be built, in the transaction that builds them.

  dbt's delete+insert removes the days of which there are new rows: one that has none any more would
  keep its old ones. Nothing where there is no such table, no day or another engine.
#}
{% macro forget_days_being_built() %}
  {%- if target.type == 'duckdb' and model.config.materialized == 'incremental' and day_bounds() -%}
    {%- set existing = load_cached_relation(this) -%}
    {%- if existing and existing.is_table and not should_full_refresh() -%}
      {%- set columns = adapter.get_columns_in_relation(existing) | map(attribute='name') | list -%}
      {%- if 'partition_date' in columns -%}
        delete from {{ existing }} where {{ days_being_built('partition_date') }}
      {%- endif -%}
    {%- endif -%}
  {%- endif -%}
{% endmacro %}
