{{ delay_history('tailnum') }}
