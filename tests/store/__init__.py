"""One contract, asked of SQLite and of PostgreSQL."""
