{{ delay_history('origin') }}
