{{ delay_history('carrier') }}
