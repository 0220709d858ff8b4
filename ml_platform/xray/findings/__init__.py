"""What slows a training, makes it dear or endangers it: pure functions over what is known."""
