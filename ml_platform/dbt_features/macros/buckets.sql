{#
  The first 15 hexadecimal digits of MD5, which are 60 bits and so a whole number on every engine.
  Texts are told apart by a control character, as `a-b` and `c` are others than `a` and `b-c`.
#}

{% macro hash_bucket(values, buckets, salt='') %}
  {%- set values = [values] if values is string else values -%}
  {%- set texts = [] -%}
  {%- if salt -%}
    {%- do texts.append(dbt.string_literal(dbt.escape_single_quotes(salt))) -%}
  {%- endif -%}
  {%- for value in values -%}
    {%- do texts.append('coalesce(cast(' ~ value ~ ' as ' ~ dbt.type_string() ~ '), chr(30))') -%}
  {%- endfor -%}
  {{- return(adapter.dispatch('hash_bucket', 'dbt_features')(texts | join(' || chr(31) || '), buckets)) -}}
{% endmacro %}

{% macro duckdb__hash_bucket(text, buckets) -%}
  cast(cast('0x' || substr(md5({{ text }}), 1, 15) as bigint) % {{ buckets }} as bigint)
{%- endmacro %}

{% macro bigquery__hash_bucket(text, buckets) -%}
  mod(cast(concat('0x', substr(to_hex(md5({{ text }})), 1, 15)) as int64), {{ buckets }})
{%- endmacro %}
