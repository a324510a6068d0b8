"""Django's settings, derived from `configuration.Configuration`."""

from __future__ import annotations

from urllib.parse import unquote, urlsplit

import django_stubs_ext
from csp.constants import NONCE, NONE, SELF
from django.utils.translation import gettext_lazy as _

from hearthline.configuration import ROOT, Configuration

django_stubs_ext.monkeypatch()

HEARTHLINE = Configuration()

SECRET_KEY = HEARTHLINE.kept_secret()
DEBUG = HEARTHLINE.debug
ALLOWED_HOSTS = HEARTHLINE.allowed_hosts
CSRF_TRUSTED_ORIGINS = [HEARTHLINE.public_url]
_HTTPS = HEARTHLINE.public_url.startswith("https://")

INSTALLED_APPS = [
    "hearthline.people.admin_app.ExchangeAdminConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.humanize",
    "django.contrib.messages",
    "django.contrib.sessions",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "csp",
    "django_htmx",
    "django_tasks",
    "django_tasks_db",
    "hearthline.people",
    "hearthline.ledger",
    "hearthline.campaigns",
    "hearthline.dialing",
    "hearthline.calls",
    "hearthline.realtime",
    "hearthline.quality",
    "hearthline.web",
    "hearthline.api",
]

MIDDLEWARE = [
    "hearthline.observe.http.timed",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "csp.middleware.CSPMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "hearthline.web.person.PersonMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "hearthline.web.errors.ExchangeErrorMiddleware",
]

ROOT_URLCONF = "hearthline.urls"
CSRF_FAILURE_VIEW = "hearthline.web.errors.csrf_failure"
ASGI_APPLICATION = "hearthline.asgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [ROOT / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.template.context_processors.i18n",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "hearthline.web.context.page",
            ],
        },
    },
]


def _database(url: str) -> dict[str, object]:
    if not url:
        return {
            "ENGINE": "django.db.backends.sqlite3",
            "NAME": HEARTHLINE.data / "hearthline.sqlite3",
            "OPTIONS": {
                "transaction_mode": "IMMEDIATE",  # a claim must not discover at commit that somebody else wrote
                "timeout": 20,
                "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA foreign_keys=ON;",
            },
            "TEST": {"NAME": None},
        }
    parts = urlsplit(url)
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": unquote(parts.path.lstrip("/")),
        "USER": unquote(parts.username or ""),
        "PASSWORD": unquote(parts.password or ""),
        "HOST": unquote(parts.hostname or ""),
        "PORT": str(parts.port or ""),
        "OPTIONS": {
            # for lib.prepared; a pooler between must keep prepared statements (pgbouncer ≥ 1.22)
            "prepare_threshold": 1,
            # a server that is cut off says nothing: whoever waits for it is told within these times (libpq's own: two hours)
            "connect_timeout": 5,  # seconds
            "keepalives_idle": 5,
            "keepalives_interval": 2,
            "keepalives_count": 3,
            "tcp_user_timeout": 10_000,  # milliseconds
        },
    }


HEARTHLINE.data.mkdir(parents=True, exist_ok=True)
# threads keep their connections; one that the server has cut is noticed when the next request begins
DATABASES = {"default": _database(HEARTHLINE.database_url) | {"CONN_MAX_AGE": None, "CONN_HEALTH_CHECKS": True}}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

AUTH_USER_MODEL = "people.User"
AUTHENTICATION_BACKENDS = [
    "django.contrib.auth.backends.ModelBackend",
    "allauth.account.auth_backends.AuthenticationBackend",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 10}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*"]
ACCOUNT_EMAIL_VERIFICATION = "none"  # an account exists only by invitation
ACCOUNT_ADAPTER = "hearthline.people.adapter.InvitationAdapter"
ACCOUNT_FORMS = {"signup": "hearthline.people.forms.SignupForm", "login": "hearthline.people.forms.LoginForm"}
ACCOUNT_LOGOUT_ON_PASSWORD_CHANGE = False
ACCOUNT_PREVENT_ENUMERATION = True
MFA_FORMS = {"add_webauthn": "hearthline.people.forms.AddPasskeyForm"}
MFA_ALLOW_UNVERIFIED_EMAIL = True  # the invitation vouches for the person; addresses are not confirmed
MFA_PASSKEY_LOGIN_ENABLED = True
MFA_WEBAUTHN_ALLOW_INSECURE_ORIGIN = not _HTTPS  # passkeys on http://localhost: a secure context to browsers
MFA_SUPPORTED_TYPES = ["totp", "recovery_codes", "webauthn"]
MFA_TOTP_ISSUER = HEARTHLINE.name
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "/"

# Attempts at sign-in are counted here, by all web processes together where there are several.
CACHES = {
    "default": {
        "BACKEND": "hearthline.realtime.redis_bus.cache.SharedCache",
        "LOCATION": HEARTHLINE.redis_url,
        "KEY_PREFIX": "hearthline:cache",
    }
    if HEARTHLINE.redis_url
    else {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}
}


def _email(url: str) -> dict[str, object]:
    """Django's e-mail settings from "smtp://user:password@host:587" (STARTTLS) or "smtps://..." (TLS from the start)."""
    if not url:
        return {
            "EMAIL_BACKEND": "django.core.mail.backends.filebased.EmailBackend",
            "EMAIL_FILE_PATH": HEARTHLINE.data / "messages",
        }
    parts = urlsplit(url)
    tls = parts.scheme == "smtps"
    return {
        "EMAIL_HOST": parts.hostname or "",
        "EMAIL_PORT": parts.port or (465 if tls else 587),
        "EMAIL_HOST_USER": unquote(parts.username or ""),
        "EMAIL_HOST_PASSWORD": unquote(parts.password or ""),
        "EMAIL_USE_SSL": tls,
        "EMAIL_USE_TLS": not tls,
        "EMAIL_TIMEOUT": 15,
    }


globals().update(_email(HEARTHLINE.email_url))
DEFAULT_FROM_EMAIL = HEARTHLINE.email_from

TASKS = {"default": {"BACKEND": "django_tasks_db.DatabaseBackend"}}

LANGUAGE_CODE = "en"
LANGUAGES = [("en", _("English")), ("ru", _("Russian"))]
LOCALE_PATHS = [ROOT / "locale"]
TIME_ZONE = "UTC"
USE_TZ = True

STATIC_URL = "static/"
STATIC_ROOT = HEARTHLINE.data / "static"
STATIC_ROOT.mkdir(exist_ok=True)  # WhiteNoise warns of a folder that is not there
STATICFILES_DIRS = [ROOT / "hearthline" / "static"]
STORAGES = {
    "default": {
        "BACKEND": "django.core.files.storage.FileSystemStorage",
        "OPTIONS": {"location": HEARTHLINE.data / "files", "file_permissions_mode": 0o600},
    },
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
}
WHITENOISE_USE_FINDERS = True
FILE_UPLOAD_MAX_MEMORY_SIZE = 2_500_000
DATA_UPLOAD_MAX_MEMORY_SIZE = 5_000_000

CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [SELF],
        "script-src": [SELF, NONCE],
        "style-src": [SELF, NONCE],
        "img-src": [SELF, "data:"],
        "media-src": [SELF, "blob:"],
        "connect-src": [SELF],
        "object-src": [NONE],
        "base-uri": [SELF],
        "form-action": [SELF],
        "frame-ancestors": [NONE],
    }
}
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = _HTTPS
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_AGE = 14 * 24 * 3600
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if _HTTPS else None
