"""The HTTP face, asked as its users ask it: over HTTP, on a real database."""
