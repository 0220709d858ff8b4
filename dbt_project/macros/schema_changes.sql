{#
  What happens when a model has columns that its table lacks. A build fails, as dbt_project.yml says,
  unless this one was asked to append them: MLP_DBT_ON_SCHEMA_CHANGE. The variable is read when the
  statement is made, never while the project is parsed, so it costs no parse.
#}

{% macro schema_change_asked_for(on_schema_change) %}
  {%- set asked_for = env_var('MLP_DBT_ON_SCHEMA_CHANGE', 'fail') -%}
  {{- return('append_new_columns' if asked_for == 'append' else on_schema_change) -}}
{% endmacro %}

{% macro duckdb__process_schema_changes(on_schema_change, source_relation, target_relation) %}
  {{- return(dbt.default__process_schema_changes(
      schema_change_asked_for(on_schema_change), source_relation, target_relation)) -}}
{% endmacro %}

{% macro bigquery__process_schema_changes(on_schema_change, source_relation, target_relation) %}
  {{- return(dbt.bigquery__process_schema_changes(
      schema_change_asked_for(on_schema_change), source_relation, target_relation)) -}}
{% endmacro %}
