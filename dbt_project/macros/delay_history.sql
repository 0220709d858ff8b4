{#
  How late the flights of one carrier (airport, aircraft) have been, as known when a day begins.

  For day D these are the flights whose arrival is at or after D - 28 days (7 days) and before
  D 00:00 UTC. Every flight of D departs at or after D 00:00 UTC, so nothing in its history lies in
  its future. A flight that arrives more than three days after the day of its departure is not
  counted, so that no more than the days of the window have to be read.

  Args:
      key: the column of stg_flights that names whose history it is.
#}
{% macro delay_history(key) %}
with arrivals as (

    select
        {{ key }},
        cast(arrived_at as date) as arrival_date,
        count(*) as flights,
        sum(is_late) as late_flights,
        sum(arrival_delay_minutes) as delay_minutes,
        max(arrived_at) as last_arrived_at
    from {{ ref('stg_flights') }}
    where {{ key }} is not null
        and {{ dbt_features.days_being_built('partition_date', days_before=28 + 3) }}
    group by {{ key }}, cast(arrived_at as date)

)

select
    as_of_day as partition_date,
    {{ key }},
    {%- for days in [7, 28] %}
    {%- set flights = dbt_features.trailing_sum('flights', days) %}
    {%- set late_rate = dbt_features.safe_ratio(dbt_features.trailing_sum('late_flights', days), flights) %}
    {%- set mean_delay = dbt_features.safe_ratio(dbt_features.trailing_sum('delay_minutes', days), flights) %}
    cast(coalesce({{ flights }}, 0) as {{ dbt.type_int() }}) as flights_{{ days }}d,
    cast({{ late_rate }} as {{ dbt.type_float() }}) as late_rate_{{ days }}d,
    cast({{ mean_delay }} as {{ dbt.type_float() }}) as mean_arrival_delay_{{ days }}d,
    {%- endfor %}
    max(last_arrived_at) as latest_outcome_at
from {{ dbt_features.trailing_days('arrivals', days=28, day='arrival_date') }} as history
group by as_of_day, {{ key }}
{% endmacro %}
