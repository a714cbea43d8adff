"""Environments that tests start the product in."""

from __future__ import annotations

PRODUCTION = {
    "DJANGO_SETTINGS_MODULE": "pediscreen_site.settings",
    "DJANGO_SECRET_KEY": "not-a-secret-but-as-long-and-varied-as-one-0123456789-abcdef",
    "DEBUG": "false",
    "HTTPS": "true",
    "ALLOWED_HOSTS": "screening.example.org",
    "API_KEY": "an-example-api-key-of-40-characters-0123",
    "DATABASE_URL": "postgresql://app:password@127.0.0.1:5432/pediscreen",
    "REDIS_URL": "redis://127.0.0.1:6379/0",
    "EDGE_MODEL_URL": "http://127.0.0.1:8002/infer",
}
