"""Celery worker processes: they parse ids and call the workflow's verbs."""
