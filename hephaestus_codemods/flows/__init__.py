"""The order of steps behind each verb of the command line, nothing else."""
