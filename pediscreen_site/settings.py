"""Every setting, from the environment. ``.env.example`` lists and explains them."""

from __future__ import annotations

import secrets
from pathlib import Path
from typing import Any

from csp.constants import NONE, SELF
from django.core.exceptions import ImproperlyConfigured

from consent.decision import SCOPES as CONSENT_SCOPES
from pediscreen_site.environment import (
    choice,
    choices,
    database,
    domains,
    env,
    file,
    files,
    flag,
    folder,
    hosts,
    key,
    networks,
    number,
    origins,
    ports,
    signing_keys,
    text,
    time_zone,
    url,
    whole_number,
    word,
)

VERSION = "1.0.0"
BASE_DIR = Path(__file__).resolve().parent.parent
# What such a file says counts where the environment says nothing.
ENV_FILE = file("ENV_FILE", is_there=True) or str(BASE_DIR / ".env")
if Path(ENV_FILE).is_file():
    env.read_env(ENV_FILE)

# --- Security: nothing has a usable default outside DEBUG ---------------------

DEBUG = flag("DEBUG", default=False)
SECRET_KEY = text("DJANGO_SECRET_KEY")
if not SECRET_KEY:
    if not DEBUG:
        raise ImproperlyConfigured(
            "DJANGO_SECRET_KEY is not set. Set it to a long random text, such as the "
            "output of: python -c 'import secrets; print(secrets.token_urlsafe(64))' "
            "(or set DEBUG=true on a machine that holds no child's data)."
        )
    SECRET_KEY = secrets.token_urlsafe(64)
ALLOWED_HOSTS = hosts(
    "ALLOWED_HOSTS", ["localhost", "127.0.0.1", "[::1]"], any_host=DEBUG
)
CSRF_TRUSTED_ORIGINS = origins("CSRF_TRUSTED_ORIGINS")
HTTPS = flag("HTTPS", default=False)
SECURE_SSL_REDIRECT = HTTPS
# Probes and Prometheus ask inside, of each process by itself.
SECURE_REDIRECT_EXEMPT = [r"^(health|livez|readyz|metrics)$"]
SECURE_HSTS_SECONDS = 31_536_000 if HTTPS else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = HTTPS
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = HTTPS
if flag("TRUST_X_FORWARDED_PROTO", default=False):
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = "Lax"
CSRF_COOKIE_HTTPONLY = True
if HTTPS:
    # Browsers take such a name from this very host alone, over HTTPS.
    SESSION_COOKIE_NAME, CSRF_COOKIE_NAME = "__Host-sessionid", "__Host-csrftoken"
SESSION_IDLE_SECONDS = whole_number(
    "SESSION_IDLE_SECONDS", 900, minimum=60, maximum=86_400
)
SESSION_LIFE_SECONDS = whole_number(
    "SESSION_LIFE_SECONDS", 43_200, minimum=300, maximum=604_800
)
SESSION_ENGINE = "people.sessions"
SESSION_COOKIE_AGE = SESSION_IDLE_SECONDS
REQUIRE_SECOND_FACTOR = flag("REQUIRE_SECOND_FACTOR", default=not DEBUG)
OTP_TOTP_ISSUER = "PediScreen"
TRUSTED_PROXIES = networks("TRUSTED_PROXIES")
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [SELF],
        "img-src": [SELF, "data:"],
        "frame-ancestors": [NONE],
        "form-action": [SELF],
        "base-uri": [SELF],
        "object-src": [NONE],
    }
}

# --- Application --------------------------------------------------------------

INSTALLED_APPS = [
    "pediscreen_site.admin_site.DeskConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "csp",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "pediscreen_site.apps.SiteConfig",
    "agreement",
    "screening",
    "routing",
    "consent",
    "django_otp",
    "django_otp.plugins.otp_totp",
    "people",
    "audit",
]
MIDDLEWARE = [
    "audit.middleware.RequestContextMiddleware",
    "pediscreen_site.tracing.TracingMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "people.middleware.PersonMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "csp.middleware.CSPMiddleware",
    # Innermost: see there.
    "pediscreen_site.accounting.AccountingMiddleware",
]
CSRF_FAILURE_VIEW = "pediscreen_site.api.errors.csrf_refused"
ROOT_URLCONF = "pediscreen_site.urls"
WSGI_APPLICATION = "pediscreen_site.wsgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]
AUTHENTICATION_BACKENDS = ["people.rights.RightsBackend"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in (
        "UserAttributeSimilarityValidator",
        "MinimumLengthValidator",
        "CommonPasswordValidator",
        "NumericPasswordValidator",
    )
]
LOGIN_URL, LOGIN_REDIRECT_URL = "admin:login", "admin:index"
LANGUAGE_CODE = "en-gb"
TIME_ZONE = time_zone("TIME_ZONE", "UTC")
USE_TZ = True
STATIC_URL = "static/"
# An image makes this folder and collects its files there. A checkout has none, and
# serves them from where they are.
COLLECTED = BASE_DIR / "var" / "static"
STATIC_ROOT = COLLECTED if COLLECTED.is_dir() else None
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "whitenoise.storage.CompressedStaticFilesStorage"},
}
WHITENOISE_AUTOREFRESH = False
WHITENOISE_USE_FINDERS = STATIC_ROOT is None

# --- Database: services own their transactions, requests do not ---------------

DATABASES = {"default": database("DATABASE_URL", "sqlite:///./orchestrator_dev.db")}
DATABASES["default"]["ATOMIC_REQUESTS"] = False
DATABASES["default"]["CONN_HEALTH_CHECKS"] = True
DATABASES["default"]["ENGINE"] = DATABASES["default"]["ENGINE"].replace(
    "django.db.backends", "pediscreen_site.databases"
)
DATABASE_POOL_SIZE = whole_number("DATABASE_POOL_SIZE", 8, minimum=1, maximum=200)
if DATABASES["default"]["ENGINE"].endswith(".sqlite3"):
    DATABASES["default"]["CONN_MAX_AGE"] = None
    DATABASES["default"]["OPTIONS"] = {
        "transaction_mode": "IMMEDIATE",
        "timeout": 5,
        "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;",
    }
else:
    DATABASES["default"]["CONN_MAX_AGE"] = 0
    DATABASES["default"]["OPTIONS"] = {
        **DATABASES["default"].get("OPTIONS", {}),
        # What is long, such as events, is neither quoted here nor read as SQL there.
        "server_side_binding": True,
        "pool": {"min_size": 1, "max_size": DATABASE_POOL_SIZE, "timeout": 1.5},
        "connect_timeout": 2,
        "options": "-c statement_timeout=5000 -c lock_timeout=2000 "
        "-c idle_in_transaction_session_timeout=30000",
    }
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# --- Queue: only job ids travel, as JSON, after the commit --------------------

REDIS_URL = url(
    "REDIS_URL", "redis://localhost:6379/0", schemes=("redis", "rediss", "unix")
)
INFERENCE_QUEUE = "pedi-screen"
# How long a request may wait for Redis: the row is committed already, so not long.
REDIS_TIMEOUT_SECONDS = number("REDIS_TIMEOUT_SECONDS", 0.5, minimum=0.05, maximum=5)

# --- Jobs: claimed by lease, retried with a cap, never lost -------------------

JOB_CONCURRENCY = whole_number("JOB_CONCURRENCY", 32, minimum=1, maximum=1024)
JOB_LEASE_SECONDS = number("JOB_LEASE_SECONDS", 30, minimum=1, maximum=3600)
JOB_HEARTBEAT_SECONDS = number(
    "JOB_HEARTBEAT_SECONDS", JOB_LEASE_SECONDS / 3, minimum=0.1, maximum=1200
)
JOB_MAX_ATTEMPTS = whole_number("JOB_MAX_ATTEMPTS", 30, minimum=1, maximum=100)
JOB_MAX_CRASHES = whole_number("JOB_MAX_CRASHES", 3, minimum=1, maximum=100)
JOB_BACKOFF_SECONDS = number("JOB_BACKOFF_SECONDS", 2, minimum=0.05, maximum=3600)
JOB_BACKOFF_MAX_SECONDS = number(
    "JOB_BACKOFF_MAX_SECONDS", 300, minimum=0.05, maximum=86_400
)
RECONCILE_SECONDS = number("RECONCILE_SECONDS", 3, minimum=0.2, maximum=300)
IDEMPOTENCY_HOURS = number("IDEMPOTENCY_HOURS", 24, minimum=1, maximum=24 * 365)

# --- Model servers ------------------------------------------------------------

EDGE_MODEL_URL = url("EDGE_MODEL_URL", "", schemes=("http", "https"))
CLOUD_MODEL_URL = url("CLOUD_MODEL_URL", "", schemes=("http", "https"))
MODEL_PROTOCOLS = ("native", "openai", "ollama", "vertex", "open_inference")
MODEL_NAME = r"[A-Za-z0-9][A-Za-z0-9._:/@-]{0,199}"
VARIABLE = r"[A-Za-z_][A-Za-z0-9_]{0,99}"
EDGE_MODEL_PROTOCOL = choice("EDGE_MODEL_PROTOCOL", "native", MODEL_PROTOCOLS)
CLOUD_MODEL_PROTOCOL = choice("CLOUD_MODEL_PROTOCOL", "native", MODEL_PROTOCOLS)
EDGE_MODEL_NAME = word("EDGE_MODEL_NAME", MODEL_NAME, "medgemma-4b")
CLOUD_MODEL_NAME = word("CLOUD_MODEL_NAME", MODEL_NAME, "medgemma-4b")
EDGE_MODEL_TOKEN_ENV = word("EDGE_MODEL_TOKEN_ENV", VARIABLE, "MODEL_TOKEN")
CLOUD_MODEL_TOKEN_ENV = word("CLOUD_MODEL_TOKEN_ENV", VARIABLE, "MODEL_TOKEN")
ROUTING_TIMEOUT_SECONDS = number(
    "ROUTING_TIMEOUT_SECONDS", 10, minimum=0.05, maximum=3600
)
MODEL_RESPONSE_MAX_BYTES = whole_number(
    "MODEL_RESPONSE_MAX_BYTES", 1 << 20, minimum=1024, maximum=1 << 26
)
HEALTH_CHECK_SECONDS = number("HEALTH_CHECK_SECONDS", 10, minimum=0.2, maximum=3600)
MODEL_SERVER_PORT = whole_number("MODEL_SERVER_PORT", 8000, minimum=1, maximum=65_535)
MEDGEMMA_MODEL_PATH = folder("MEDGEMMA_MODEL_PATH")
MODEL_BATCH_SIZE = whole_number("MODEL_BATCH_SIZE", 8, minimum=1, maximum=256)
MODEL_BATCH_WAIT_MS = number("MODEL_BATCH_WAIT_MS", 10, minimum=0, maximum=1000)
MODEL_QUEUE_SIZE = whole_number("MODEL_QUEUE_SIZE", 64, minimum=1, maximum=10_000)
MODEL_DEADLINE_SECONDS = number("MODEL_DEADLINE_SECONDS", 60, minimum=0.1, maximum=3600)
MODEL_MIN_TOKENS = whole_number("MODEL_MIN_TOKENS", 1024, minimum=1, maximum=4096)

# --- Agents and tasks ---------------------------------------------------------

ORCHESTRATOR_AGENT_TTL = number(
    "ORCHESTRATOR_AGENT_TTL", 120, minimum=1, maximum=86_400
)
ORCHESTRATOR_ROUTER_TOP_N = whole_number(
    "ORCHESTRATOR_ROUTER_TOP_N", 3, minimum=1, maximum=100
)
ORCHESTRATOR_SYNC_TIMEOUT = number(
    "ORCHESTRATOR_SYNC_TIMEOUT", 0.8, minimum=0.05, maximum=60
)
ORCHESTRATOR_STREAM_MAXLEN = whole_number(
    "ORCHESTRATOR_STREAM_MAXLEN", 10_000, minimum=100, maximum=10_000_000
)
ORCHESTRATOR_STREAM_DATA = flag("ORCHESTRATOR_STREAM_DATA", default=False)
ORCHESTRATOR_TASK_MAX_RETRIES = whole_number(
    "ORCHESTRATOR_TASK_MAX_RETRIES", 3, minimum=0, maximum=100
)
AGENT_APPROVAL = flag("AGENT_APPROVAL", default=True)
AGENT_PLAIN_HTTP = flag("AGENT_PLAIN_HTTP", default=False)
AGENT_ALLOWED_HOSTS = domains("AGENT_ALLOWED_HOSTS")
AGENT_ALLOWED_NETWORKS = networks("AGENT_ALLOWED_NETWORKS")
AGENT_ALLOWED_PORTS = ports(
    "AGENT_ALLOWED_PORTS", "80,443,8000,8001,8002,8080,8443,9000"
)

# --- Consent: what is refused where none is known -----------------------------

CONSENT_REQUIRED_SCOPES = choices("CONSENT_REQUIRED_SCOPES", CONSENT_SCOPES)

# --- Reviews: when a second person reads ---------------------------------------

SECOND_READ_CONFIDENCE = number("SECOND_READ_CONFIDENCE", 0.2, minimum=0, maximum=1)
SECOND_READ_SHARE = number("SECOND_READ_SHARE", 0, minimum=0, maximum=1)

# --- Retention: after how many days what is over is removed; 0 keeps it for ever ---

RETAIN_CASE_DAYS = whole_number("RETAIN_CASE_DAYS", 0, minimum=0, maximum=36_500)
RETAIN_FAILED_DAYS = whole_number("RETAIN_FAILED_DAYS", 365, minimum=0, maximum=36_500)
RETAIN_TASK_DAYS = whole_number("RETAIN_TASK_DAYS", 0, minimum=0, maximum=36_500)
RETAIN_WEBHOOK_DAYS = whole_number("RETAIN_WEBHOOK_DAYS", 90, minimum=0, maximum=36_500)
RETAIN_SESSION_DAYS = whole_number("RETAIN_SESSION_DAYS", 7, minimum=0, maximum=36_500)

# --- Audit log: who has a key seals it, and tells others what it was ------------

AUDIT_KEY = signing_keys("AUDIT_KEY")
AUDIT_KEY_FILE = file("AUDIT_KEY_FILE", is_there=True)
AUDIT_PUBLIC_KEYS_FILE = file("AUDIT_PUBLIC_KEYS_FILE", is_there=True)
AUDIT_CHECKPOINT_FILE = file("AUDIT_CHECKPOINT_FILE", is_there=False)
AUDIT_CHECKPOINT_URL = url("AUDIT_CHECKPOINT_URL", "", schemes=("http", "https"))

# --- Metrics: GET /metrics of the API, and a port of each worker ----------------

METRICS_PORT = whole_number("METRICS_PORT", 0, minimum=0, maximum=65_535)
METRICS_REGISTRY = "pediscreen_site.metrics.registry"
CERTIFICATE_FILES = files("CERTIFICATE_FILES")

# --- HTTP API -----------------------------------------------------------------

API_KEY = key("API_KEY")
DATA_UPLOAD_MAX_MEMORY_SIZE = 2_621_440
BULK_MAX_BYTES = whole_number("BULK_MAX_BYTES", 16 << 20, minimum=1024, maximum=1 << 28)
# A held request occupies a server thread; beyond this many it is answered at once.
MAX_HELD_REQUESTS = whole_number("MAX_HELD_REQUESTS", 8, minimum=0, maximum=10_000)
REST_FRAMEWORK: dict[str, Any] = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["pediscreen_site.api.authentication.KeyHeader"],
    "DEFAULT_PERMISSION_CLASSES": ["pediscreen_site.api.authentication.HasScope"],
    "DEFAULT_PARSER_CLASSES": ["wire.parsers.StrictJSONParser"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_SCHEMA_CLASS": "pediscreen_site.api.schema.AutoSchema",
    "EXCEPTION_HANDLER": "pediscreen_site.api.errors.exception_handler",
    "URL_FORMAT_OVERRIDE": None,
    "UNAUTHENTICATED_USER": None,
    "UNAUTHENTICATED_TOKEN": None,
}
SPECTACULAR_SETTINGS: dict[str, Any] = {
    "TITLE": "PediScreen Orchestrator",
    "DESCRIPTION": "Developmental-screening jobs: accepted, never lost, drafted by a "
    "model, signed by a clinician. It supports a clinician and makes no diagnosis.",
    "VERSION": VERSION,
    "OAS_VERSION": "3.1.1",
    "SERVE_INCLUDE_SCHEMA": False,
    "SERVE_PERMISSIONS": ["rest_framework.permissions.AllowAny"],
    "SERVE_AUTHENTICATION": [],
    "COMPONENT_SPLIT_REQUEST": True,
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "ENUM_NAME_OVERRIDES": {
        "JobStatusEnum": "screening.models.Job.Status",
        "AcceptedStatusEnum": [("PENDING", "Pending")],
        "PriorityEnum": "screening.submissions.PRIORITIES",
        "PreferredTargetEnum": "screening.submissions.PREFERRED_TARGETS",
    },
    "ENUM_ADD_EXPLICIT_BLANK_NULL_CHOICE": False,
    "WEBHOOKS": [
        f"screening.api.webhook_schema.{name}"
        for name in ("JOB_COMPLETED", "JOB_FAILED", "CASE_SIGNED_OFF")
    ],
}

# --- Traces: where they go, and which share of them --------------------------------

OTEL_COLLECTOR_URL = url(
    "OTEL_COLLECTOR_URL", "", schemes=("http", "https"), path="/v1/traces"
)
OTEL_TRACES_SAMPLER_ARG = number("OTEL_TRACES_SAMPLER_ARG", 1, minimum=0, maximum=1)

# --- Logs: one JSON object a line, ids and codes only -------------------------

LOG_LEVEL = choice(
    "LOG_LEVEL", "INFO", ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")
)
LOGGING_CONFIG = "pediscreen_site.logs.configure"
LOGGING: dict[str, Any] = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"json": {"()": "pediscreen_site.logs.JsonFormatter"}},
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "json"}},
    "root": {"handlers": ["stderr"], "level": LOG_LEVEL},
    "loggers": {
        "django": {"level": LOG_LEVEL},
        "django.server": {"handlers": [], "propagate": True},
        # Its messages quote the request; the envelope answers it, the status says it.
        "django.request": {"level": "ERROR"},
        "django.security.DisallowedHost": {"level": "CRITICAL"},
        # Below this, each SQL statement is logged with what it stores.
        "django.db.backends": {"level": "INFO"},
        "rq.worker": {"handlers": ["stderr"], "propagate": False},
        "aiohttp": {"level": "WARNING"},
        # What goes wrong with the collector is said once, by our own exporter.
        "opentelemetry": {"level": "CRITICAL"},
        "urllib3": {"level": "ERROR"},
        # Below this, it lists the letters of each report that is printed.
        "fontTools": {"level": "WARNING"},
    },
}
