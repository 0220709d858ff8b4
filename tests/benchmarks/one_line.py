"""The shortest program of a user: it says when it begins."""

import time

if __name__ == "__main__":
    print(f"user code at {time.time()}", flush=True)  # noqa: T201
