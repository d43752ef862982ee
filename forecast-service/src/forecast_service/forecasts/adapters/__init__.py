"""The computing process, and the files between it and the worker."""
