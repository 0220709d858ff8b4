{#
  How late the flights of one carrier (airport, aircraft) have been, as known when a day begins.

  For day D these are the flights whose arrival is at or after D - 28 days (7 days) and before
  D 00:00 UTC. Every flight of D departs at or after D 00:00 UTC, so nothing in its history lies in
  its future. D begins at midnight: whole days of arrival may be counted first, and that is exact.
  A flight that arrives more than three days after the day of its departure is not counted, so that
  no more than the days of the window have to be read.

  Args:
      key: the column of stg_flights that names whose history it is.
#}
{% macro delay_history(key) %}
with days as (

    select distinct partition_date
    from {{ ref('stg_flights') }}
    where {{ days_being_built('partition_date') }}

),

arrivals as (

    select
        {{ key }},
        cast(arrived_at as date) as arrival_date,
        count(*) as flights,
        sum(is_late) as late_flights,
        sum(arrival_delay_minutes) as delay_minutes,
        max(arrived_at) as last_arrived_at
    from {{ ref('stg_flights') }}
    where arrived_at is not null
        and {{ key }} is not null
        and {{ days_being_built('partition_date', days_before=28 + 3) }}
        and {{ days_being_built('cast(arrived_at as date)', days_before=28) }}
    group by {{ key }}, cast(arrived_at as date)

),

aged as (

    select
        days.partition_date,
        arrivals.*,
        {{ dbt.datediff('arrivals.arrival_date', 'days.partition_date', 'day') }} as age_days
    from days
    inner join arrivals
        on arrivals.arrival_date < days.partition_date
        and arrivals.arrival_date >= cast({{ dbt.dateadd('day', -28, 'days.partition_date') }} as date)

),

totals as (

    select
        partition_date,
        {{ key }},
        sum(flights) as flights_28d,
        sum(late_flights) as late_28d,
        sum(delay_minutes) as minutes_28d,
        sum(case when age_days <= 7 then flights else 0 end) as flights_7d,
        sum(case when age_days <= 7 then late_flights else 0 end) as late_7d,
        sum(case when age_days <= 7 then delay_minutes else 0 end) as minutes_7d,
        max(last_arrived_at) as latest_outcome_at
    from aged
    group by partition_date, {{ key }}

)

select
    partition_date,
    {{ key }},
    cast(flights_7d as {{ dbt.type_int() }}) as flights_7d,
    cast(late_7d / nullif(flights_7d, 0) as {{ dbt.type_float() }}) as late_rate_7d,
    cast(minutes_7d / nullif(flights_7d, 0) as {{ dbt.type_float() }}) as mean_arrival_delay_7d,
    cast(flights_28d as {{ dbt.type_int() }}) as flights_28d,
    cast(late_28d / nullif(flights_28d, 0) as {{ dbt.type_float() }}) as late_rate_28d,
    cast(minutes_28d / nullif(flights_28d, 0) as {{ dbt.type_float() }}) as mean_arrival_delay_28d,
    latest_outcome_at
from totals
{% endmacro %}
