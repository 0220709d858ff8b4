module ml_platform/testbed/pause

go 1.24
