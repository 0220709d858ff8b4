{#
  What was so in the days before a day. `trailing_days` sets each day that is built beside the rows
  of the days before it; the other macros are aggregates over that, for as many of its days as they
  are told. The day itself is never among them, so what is counted was known when it began.
#}

{% macro trailing_days(relation, days, day='partition_date') %}
(
    select
        spine.as_of_day,
        {{ dbt.datediff(day, 'spine.as_of_day', 'day') }} as age_days,
        history.*
    from {{ dbt_features.day_spine(relation, day) }} as spine
    inner join {{ relation }} as history
        on {{ day }} < spine.as_of_day
        and {{ day }} >= cast({{ dbt.dateadd('day', -days, 'spine.as_of_day') }} as date)
    where {{ dbt_features.days_being_built(day, days_before=days) }}
)
{%- endmacro %}


{% macro trailing_count(days, condition=none) -%}
  count(case when age_days <= {{ days }}{% if condition %} and ({{ condition }}){% endif %} then 1 end)
{%- endmacro %}


{% macro trailing_sum(value, days) -%}
  sum(case when age_days <= {{ days }} then {{ value }} end)
{%- endmacro %}


{% macro trailing_mean(value, days) -%}
  cast(avg(case when age_days <= {{ days }} then {{ value }} end) as {{ dbt_features.type_double() }})
{%- endmacro %}


{% macro trailing_rate(condition, days) -%}
  avg(case
    when age_days <= {{ days }} and ({{ condition }}) then cast(1 as {{ dbt_features.type_double() }})
    when age_days <= {{ days }} and not ({{ condition }}) then cast(0 as {{ dbt_features.type_double() }})
  end)
{%- endmacro %}


{% macro trailing_distinct_count(value, days) -%}
  count(distinct case when age_days <= {{ days }} then {{ value }} end)
{%- endmacro %}


{# Both engines call theirs by one name; the sketches differ. #}
{% macro trailing_approx_distinct_count(value, days) -%}
  approx_count_distinct(case when age_days <= {{ days }} then {{ value }} end)
{%- endmacro %}


{% macro trailing_percentile(value, fraction, days) %}
  {%- if not 0 <= fraction <= 1 -%}
    {{ exceptions.raise_compiler_error("a percentile's fraction is from 0 to 1, not " ~ fraction) }}
  {%- endif -%}
  {{- return(adapter.dispatch('trailing_percentile', 'dbt_features')(value, '%.6f' % fraction, days)) -}}
{% endmacro %}

{# A literal with a point is a decimal, with which DuckDB finds the place by whole numbers. #}
{% macro duckdb__trailing_percentile(value, fraction, days) -%}
  quantile_disc(case when age_days <= {{ days }} then {{ value }} end, {{ fraction }})
{%- endmacro %}

{# BigQuery's percentile_disc is no aggregate. As a float, 0.07 of a hundred would be the eighth. #}
{% macro bigquery__trailing_percentile(value, fraction, days) -%}
  {%- set wanted = 'case when age_days <= ' ~ days ~ ' then ' ~ value ~ ' end' -%}
  array_agg({{ wanted }} ignore nulls order by {{ wanted }})[safe_offset(
    greatest(cast(ceil(cast('{{ fraction }}' as numeric) * count({{ wanted }})) as int64) - 1, 0))]
{%- endmacro %}


{% macro trailing_last(value, at, days, tie_breaker=none) %}
  {%- set wanted = 'case when age_days <= ' ~ days ~ ' and ' ~ at ~ ' is not null then ' ~ value ~ ' end' -%}
  {%- set order = [at, tie_breaker, value] | select | map('string') | join(' desc nulls last, ') ~ ' desc nulls last' -%}
  {{- return(adapter.dispatch('trailing_last', 'dbt_features')(wanted, order)) -}}
{% endmacro %}

{% macro duckdb__trailing_last(wanted, order) -%}
  first({{ wanted }} order by {{ order }}) filter (({{ wanted }}) is not null)
{%- endmacro %}

{# In an aggregate BigQuery takes no `nulls last`, and has them last when descending. #}
{% macro bigquery__trailing_last(wanted, order) -%}
  array_agg({{ wanted }} ignore nulls order by {{ order | replace(' nulls last', '') }} limit 1)[safe_offset(0)]
{%- endmacro %}
