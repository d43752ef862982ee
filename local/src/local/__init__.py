"""One machine: the runner, the sample company and the command line."""
