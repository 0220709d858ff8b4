"""What of a cluster is refused before anything is made: each in words that say how to mend it."""
