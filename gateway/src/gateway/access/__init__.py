"""Who may call what: roles and permissions per route and method, read from one file, deny by default."""
