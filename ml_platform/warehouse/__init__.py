"""The warehouse: one interface, two engines."""
