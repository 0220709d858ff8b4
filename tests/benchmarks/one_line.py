"""The shortest program of a user."""

print("user code", flush=True)  # noqa: T201
