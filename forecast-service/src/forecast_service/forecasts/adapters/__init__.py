"""The computing process, the files between it and the worker, and PostgreSQL's binary copies of arrays."""
