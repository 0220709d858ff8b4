"""What goes wrong (faults) at which moment of a training on Kubernetes (phases), and what is left.

make kubernetes-matrix                          every cell, and the table
python -m tests.kubernetes.matrix FILE          the table of README from a run's results
"""
