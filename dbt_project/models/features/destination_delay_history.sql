{{ delay_history('dest') }}
