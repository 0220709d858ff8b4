"""A job that writes nothing for some seconds: `python -m tests.benchmarks.silence SECONDS`."""

import sys
import time

time.sleep(float(sys.argv[1]))
