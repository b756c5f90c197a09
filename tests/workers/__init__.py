"""Real processes: Celery workers on a real Valkey, and the supervisor with its children."""
