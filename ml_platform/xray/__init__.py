"""What happened on every cluster: record types."""
