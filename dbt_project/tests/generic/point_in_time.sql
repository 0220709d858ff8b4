{#
  No row may know anything from after its own event.

  Args:
      event_time: the moment at which the row is used for a prediction.
      known_at: the moment at which the last of the row's values became known; never null.
#}
{% test point_in_time(model, event_time, known_at) %}
select {{ event_time }}, {{ known_at }}
from {{ model }}
where {{ known_at }} is null or {{ known_at }} > {{ event_time }}
{% endtest %}
