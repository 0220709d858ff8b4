"""What happened on every cluster: recorded by the stages, gathered into a store, told."""
