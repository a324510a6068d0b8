"""Refusals as pages: an ExchangeError becomes a page or JSON with its status and its sentence."""

from __future__ import annotations

from django.conf import settings
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.template.loader import render_to_string
from django.utils.deprecation import MiddlewareMixin
from django.utils.translation import gettext as _

from hearthline.lib.errors import ExchangeError
from hearthline.web.context import page as page_context


def wants_json(request: HttpRequest) -> bool:
    """Whether a script asked: it says so in Accept, or it sent JSON."""
    accept = request.headers.get("accept", "")
    return request.content_type == "application/json" or ("application/json" in accept and "text/html" not in accept)


class ExchangeErrorMiddleware(MiddlewareMixin):
    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        if not isinstance(exception, ExchangeError):
            return None
        return refusal(request, exception)


def refusal(request: HttpRequest, error: ExchangeError) -> HttpResponse:
    if wants_json(request):
        return JsonResponse(error.as_json(), status=error.status)
    if request.headers.get("hx-request"):
        html = render_to_string("shared/refusal.html", {"sentence": str(error.sentence)}, request)
        response = HttpResponse(html, status=error.status)
        response["HX-Retarget"] = "#messages"
        response["HX-Reswap"] = "innerHTML"
        return response
    titles = {
        403: _("This is not yours to open"),
        404: _("There is nothing here"),
        409: _("It changed meanwhile"),
        422: _("Something has to be corrected"),
        503: _("A part of the exchange does not answer"),
    }
    return error_page(request, error.status, titles.get(error.status, _("This did not work")), str(error.sentence))


def error_page(request: HttpRequest, status: int, title: str, sentence: str) -> HttpResponse:
    return HttpResponse(
        render_to_string("error.html", {"status": status, "heading": title, "sentence": sentence}, request),
        status=status,
    )


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    if wants_json(request):
        return JsonResponse(
            {"error": {"code": "not_found", "message": _("There is nothing at this address.")}}, status=404
        )
    return error_page(
        request,
        404,
        _("There is nothing here"),
        _("The address may be mistyped, or the page is not meant for the account you are signed in with."),
    )


def permission_denied(request: HttpRequest, exception: Exception) -> HttpResponse:
    if wants_json(request):
        return JsonResponse({"error": {"code": "not_allowed", "message": _("You may not do this.")}}, status=403)
    return error_page(
        request,
        403,
        _("This is not yours to open"),
        _("Your account has no right to do this. If you think it should, ask whoever invited you."),
    )


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    sentence = _(
        "The form was open for too long, or the browser did not send our cookie. Go back, reload and try again."
    )
    if wants_json(request):
        return JsonResponse({"error": {"code": "csrf", "message": sentence}}, status=403)
    return error_page(request, 403, _("We could not be sure it was you"), sentence)


def server_error(request: HttpRequest) -> HttpResponse:
    """Rendered with as little as possible: whatever failed may fail again (no person, no database)."""
    sentence = _(
        "It is our mistake, and it has been written down. Nothing you did before is lost; try again in a minute."
    )
    if wants_json(request):
        return JsonResponse({"error": {"code": "server_error", "message": sentence}}, status=500)
    context = {
        **page_context(request),
        "LANGUAGE_CODE": settings.LANGUAGE_CODE,
        "status": 500,
        "heading": _("Something broke on our side"),
        "sentence": sentence,
    }
    return HttpResponse(render_to_string("error_bare.html", context), status=500)
