{#
  dbt's own hook for a data test's `where`. It is rendered when the test runs, so the marker
  `__days_being_built__` becomes the bounds of this invocation and a test scans one day, not years.
#}
{% macro get_where_subquery(relation) %}
  {%- set where = config.get('where', '') -%}
  {%- if where -%}
    {%- set condition = where | replace('__days_being_built__', dbt_features.days_being_built('partition_date')) -%}
    {%- do return('(select * from ' ~ relation ~ ' where ' ~ condition ~ ') as rows_under_test') -%}
  {%- endif -%}
  {%- do return(relation) -%}
{% endmacro %}
