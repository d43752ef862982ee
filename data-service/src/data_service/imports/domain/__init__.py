"""How a messy file becomes checked rows: pure, streamed, vectorised."""
