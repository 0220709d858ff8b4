"""A Ray on this machine: started for the work, stopped when nobody uses it."""
