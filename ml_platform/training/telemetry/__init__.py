"""What processes on a cluster observe of their own work, written to storage while it runs."""
