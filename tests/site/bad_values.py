"""What no variable of the environment takes."""

from __future__ import annotations


def numbers(minimum: str, maximum: str, *, whole: bool = False) -> list[str]:
    """List what no number setting takes, and what lies just out of its bounds."""
    beyond = str(int(maximum) + 1)
    below = str(int(minimum) - 1) if whole else str(float(minimum) * 0.99 - 1e-9)
    odd = ["1.5", "1e3"] if whole else []
    return ["many", "1,5", "0x10", "nan", "inf", "-1", below, beyond, *odd]


BAD_SHARES = ["-0.1", "1.1", "half", "50%", "nan"]
FLAGS = ["maybe", "2", "truee", "[]"]
NO_URL = ["model", "localhost:8002", "ftp://host/x", "http://", "http:///x", "//host/x"]
BAD_PORT = ["http://host:0/", "http://host:99999/", "http://host:x/", "http://[::1/"]
BAD_HOST = ["http://a b/", "http://a\\b/", "http://host\u200b/", "http://a..b/"]
BAD: dict[str, list[str]] = {
    "DEBUG": FLAGS,
    "DJANGO_SECRET_KEY": ["", " "],
    "ALLOWED_HOSTS": ["*", "example.org,*", "https://example.org", "a b", "café.org"],
    "CSRF_TRUSTED_ORIGINS": ["example.org", "*", "https://*", "https://a.org/x", "a b"],
    "HTTPS": FLAGS,
    "TRUST_X_FORWARDED_PROTO": FLAGS,
    "TRUSTED_PROXIES": ["10.0.0.0/33", "10.0.0.1/8", "proxy.example.org", "*"],
    "REQUIRE_SECOND_FACTOR": FLAGS,
    "SESSION_IDLE_SECONDS": numbers("60", "86400", whole=True),
    "SESSION_LIFE_SECONDS": numbers("300", "604800", whole=True),
    "API_KEY": ["a key with spaces, and long", "schlüssel-of-24-characters", "a\tb"],
    "DATABASE_URL": [
        "nonsense",
        "mysql://u:p@host/name",
        "oracle://u:p@host/name",
        "sqlite://",
        "sqlite:///",
        "sqlite://:memory:",
        "postgresql://host",
        "postgresql://host/",
        "postgresql://host:99999/name",
        "postgresql://host:port/name",
        "postgresql://[::1/name",
    ],
    "DATABASE_POOL_SIZE": numbers("1", "200", whole=True),
    "REDIS_URL": [
        "localhost:6379",
        "http://localhost:6379",
        "redis://",
        "redis:localhost",
        "redis://localhost:99999/0",
        "redis://localhost:port/0",
        "redis://localhost/0?socket_timeout=soon",
        "unix://",
        "redis://a b/0",
    ],
    "REDIS_TIMEOUT_SECONDS": numbers("0.05", "5"),
    "JOB_CONCURRENCY": numbers("1", "1024", whole=True),
    "JOB_LEASE_SECONDS": numbers("1", "3600"),
    "JOB_HEARTBEAT_SECONDS": numbers("0.1", "1200"),
    "JOB_MAX_ATTEMPTS": numbers("1", "100", whole=True),
    "JOB_MAX_CRASHES": numbers("1", "100", whole=True),
    "JOB_BACKOFF_SECONDS": numbers("0.05", "3600"),
    "JOB_BACKOFF_MAX_SECONDS": numbers("0.05", "86400"),
    "RECONCILE_SECONDS": numbers("0.2", "300"),
    "IDEMPOTENCY_HOURS": numbers("1", "8760"),
    "EDGE_MODEL_URL": [*NO_URL, *BAD_PORT, *BAD_HOST],
    "CLOUD_MODEL_URL": [*NO_URL, *BAD_PORT, *BAD_HOST],
    "AUDIT_KEY": ["secret", "PRIVATE+KEY+a+00000000+AAAA", "a+00000000+AdDr"],
    "AUDIT_KEY_FILE": ["/nowhere/audit.key", "/", "audit.key\nand more"],
    "AUDIT_PUBLIC_KEYS_FILE": ["/nowhere/keys.txt", "/"],
    "AUDIT_CHECKPOINT_FILE": ["/nowhere/checkpoints.txt", "/"],
    "AUDIT_CHECKPOINT_URL": [*NO_URL, *BAD_PORT, *BAD_HOST],
    "OTEL_COLLECTOR_URL": [
        *(*NO_URL, *BAD_PORT, *BAD_HOST, "otel-collector:4318", "grpc://host:4317/x"),
        *("http://otel-collector:4318", "http://otel-collector:4318/", "http://h?/x"),
    ],
    "OTEL_TRACES_SAMPLER_ARG": BAD_SHARES,
    "EDGE_MODEL_PROTOCOL": ["grpc", "native,openai"],
    "CLOUD_MODEL_PROTOCOL": ["grpc", "native,openai"],
    "EDGE_MODEL_NAME": ["two words", "-x", "a" * 201],
    "CLOUD_MODEL_NAME": ["two words", "-x", "a" * 201],
    "EDGE_MODEL_TOKEN_ENV": ["two words", "1ST", "sk-abc"],
    "CLOUD_MODEL_TOKEN_ENV": ["two words", "1ST", "sk-abc"],
    "ROUTING_TIMEOUT_SECONDS": numbers("0.05", "3600"),
    "MODEL_RESPONSE_MAX_BYTES": numbers("1024", str(1 << 26), whole=True),
    "HEALTH_CHECK_SECONDS": numbers("0.2", "3600"),
    "ORCHESTRATOR_AGENT_TTL": numbers("1", "86400"),
    "ORCHESTRATOR_ROUTER_TOP_N": numbers("1", "100", whole=True),
    "ORCHESTRATOR_SYNC_TIMEOUT": numbers("0.05", "60"),
    "ORCHESTRATOR_STREAM_MAXLEN": numbers("100", "10000000", whole=True),
    "ORCHESTRATOR_STREAM_DATA": FLAGS,
    "ORCHESTRATOR_TASK_MAX_RETRIES": numbers("0", "100", whole=True),
    "AGENT_APPROVAL": FLAGS,
    "AGENT_PLAIN_HTTP": FLAGS,
    "AGENT_ALLOWED_HOSTS": ["a b", "https://a.org", "a..org", "*", "a_b.org", "-a.org"],
    "AGENT_ALLOWED_NETWORKS": [
        "10.0.0.0/33",
        "10.0.0.1/8",
        "example.org",
        "10.0.0",
        "*",
    ],
    "AGENT_ALLOWED_PORTS": [
        "0",
        "65536",
        "https",
        "80-90",
        "+80",
        "080",
        "8_0",
        "443;80",
    ],
    "CONSENT_REQUIRED_SCOPES": [
        "cloud",
        "all",
        "*",
        "screening,cloud",
        "screening;research",
        "raw media",
    ],
    "MODEL_SERVER_PORT": numbers("1", "65535", whole=True),
    "SECOND_READ_CONFIDENCE": [*BAD_SHARES],
    "SECOND_READ_SHARE": [*BAD_SHARES],
    "RETAIN_CASE_DAYS": numbers("0", "36500", whole=True),
    "RETAIN_FAILED_DAYS": numbers("0", "36500", whole=True),
    "RETAIN_TASK_DAYS": numbers("0", "36500", whole=True),
    "RETAIN_WEBHOOK_DAYS": numbers("0", "36500", whole=True),
    "RETAIN_SESSION_DAYS": numbers("0", "36500", whole=True),
    "BULK_MAX_BYTES": numbers("1024", str(1 << 28), whole=True),
    "MAX_HELD_REQUESTS": numbers("0", "10000", whole=True),
    "TIME_ZONE": ["Mars/Olympus", "../etc/passwd", "/etc/localtime", "Europe"],
    "LOG_LEVEL": ["LOUD", "10", "INFO,DEBUG"],
}
