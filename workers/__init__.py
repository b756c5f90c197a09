"""The Celery side: wakes up, claims who is due from the database, and calls one verb. Holds no state."""
