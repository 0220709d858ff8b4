"""Faults on demand, one kind a module.

What can be undone is a context manager that undoes it also when its body raises, and waits until
what it touched works again; after a fault of the node's programs, until the node takes pods. What
cannot be undone (a container killed, a pod deleted, history forgotten) is a function, which returns
once it has happened.
"""
