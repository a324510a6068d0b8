"""What the exchange is made of: the projects whose work runs here, and their licences."""

from __future__ import annotations

from dataclasses import dataclass

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _


@dataclass(frozen=True, slots=True)
class ThirdParty:
    name: str
    licence: str  # SPDX
    url: str
    use: str | Promise


THIRD_PARTIES: tuple[ThirdParty, ...] = (
    ThirdParty("Django", "BSD-3-Clause", "https://www.djangoproject.com/", _("pages, data, the admin interface")),
    ThirdParty("django-allauth", "MIT", "https://allauth.org/", _("sign-in and second factors")),
    ThirdParty("django-csp", "BSD-3-Clause", "https://github.com/mozilla/django-csp", _("the content security policy")),
    ThirdParty("django-htmx", "MIT", "https://github.com/adamchainz/django-htmx", _("parts of pages")),
    ThirdParty("django-ninja", "MIT", "https://django-ninja.dev/", _("the public API")),
    ThirdParty("django-tasks", "BSD-3-Clause", "https://github.com/RealOrangeOne/django-tasks", _("background work")),
    ThirdParty("WhiteNoise", "MIT", "https://whitenoise.readthedocs.io/", _("static files")),
    ThirdParty("Uvicorn", "BSD-3-Clause", "https://www.uvicorn.org/", _("the web server")),
    ThirdParty("Pydantic", "MIT", "https://docs.pydantic.dev/", _("settings and schemas")),
    ThirdParty("structlog", "MIT OR Apache-2.0", "https://www.structlog.org/", _("the log")),
    ThirdParty(
        "phonenumbers", "Apache-2.0", "https://github.com/daviddrysdale/python-phonenumbers", _("telephone numbers")
    ),
    ThirdParty("Babel", "BSD-3-Clause", "https://babel.pocoo.org/", _("amounts of money in words of each language")),
    ThirdParty("python-calamine", "MIT", "https://github.com/dimastbk/python-calamine", _("reading spreadsheets")),
    ThirdParty("XlsxWriter", "BSD-2-Clause", "https://xlsxwriter.readthedocs.io/", _("writing spreadsheets")),
    ThirdParty("markdown-it-py", "MIT", "https://markdown-it-py.readthedocs.io/", _("scripts")),
    ThirdParty("nh3", "MIT", "https://nh3.readthedocs.io/", _("cleaning of HTML")),
    ThirdParty(
        "cryptography", "Apache-2.0 OR BSD-3-Clause", "https://cryptography.io/", _("encryption of the browser's audio")
    ),
    ThirdParty("pyOpenSSL", "Apache-2.0", "https://www.pyopenssl.org/", _("encryption of the browser's audio")),
    ThirdParty(
        "pylibsrtp", "BSD-3-Clause", "https://github.com/aiortc/pylibsrtp", _("encryption of the browser's audio")
    ),
    ThirdParty("aioice", "BSD-3-Clause", "https://github.com/aiortc/aioice", _("the browser's audio path")),
    ThirdParty("Opus", "BSD-3-Clause", "https://opus-codec.org/", _("audio on lossy networks")),
    ThirdParty("Bootstrap", "MIT", "https://getbootstrap.com/", _("the ground of the styles")),
    ThirdParty("htmx", "0BSD", "https://htmx.org/", _("parts of pages")),
    ThirdParty("tinykeys", "MIT", "https://github.com/jamiebuilds/tinykeys", _("keyboard shortcuts")),
    ThirdParty("µPlot", "MIT", "https://github.com/leeoniya/uPlot", _("charts")),
    ThirdParty("wavesurfer.js", "BSD-3-Clause", "https://wavesurfer.xyz/", _("the player of recordings")),
)
