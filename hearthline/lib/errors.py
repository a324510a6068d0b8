"""The one family of errors that a person may be shown."""

from __future__ import annotations

from django.utils.functional import Promise


class ExchangeError(Exception):
    """A refusal with a code, an HTTP status and a sentence that tells the person what to do.

    Subclass it per case; the class carries `code` and `status`, the instance the (lazily translated) sentence.
    """

    code = "error"
    status = 400

    def __init__(self, sentence: str | Promise, /, **details: object) -> None:
        super().__init__(str(sentence))
        self.sentence = sentence
        self.details = details

    def as_json(self) -> dict[str, object]:
        """Shape: {"error": {"code": str, "message": str, ...details}}."""
        return {"error": {"code": self.code, "message": str(self.sentence), **self.details}}


class NotAllowedError(ExchangeError):
    code = "not_allowed"
    status = 403


class NotFoundError(ExchangeError):
    code = "not_found"
    status = 404


class ConflictError(ExchangeError):
    """The thing changed meanwhile: a lease expired, a call ended, somebody else was first."""

    code = "conflict"
    status = 409


class InvalidInputError(ExchangeError):
    code = "invalid_input"
    status = 422


class UnavailableError(ExchangeError):
    """A part of the exchange does not answer; trying again later may work."""

    code = "unavailable"
    status = 503
