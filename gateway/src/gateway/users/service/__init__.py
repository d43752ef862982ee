"""People, the links that let them choose a password, and the mail that carries one."""
