"""People, customers, invitations and the audit trail in the admin interface. Every change is in the audit trail."""

from __future__ import annotations

from typing import Any

from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from django import forms
from django.contrib import admin, messages
from django.contrib.auth.models import Group
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _

from hearthline.ledger import selectors
from hearthline.ledger.models import AccountKind
from hearthline.lib.errors import InvalidInputError
from hearthline.lib.ids import new_id
from hearthline.lib.money import Money, minor_digits
from hearthline.lib.read_only_admin import ReadOnlyAdmin
from hearthline.people import audit, gates, services
from hearthline.people.audit import Tag
from hearthline.people.models import AuditEntry, Invitation, Membership, Organisation, Role, User

admin.site.unregister(Group)  # roles are enough
admin.site.unregister(
    [EmailAddress, Authenticator]
)  # a person's own affair; a lost factor is removed by an action below

MAX_TOP_UP_MINOR = 10**12


def person_of(request: HttpRequest) -> User:
    """The admin who asks; the site has checked the second factor already, and money is worth asking twice."""
    return gates.require_second_factor(gates.require_role(request.user, Role.ADMIN))


@admin.register(User)
class UserAdmin(admin.ModelAdmin[User]):
    """People come by invitation and are never deleted: what they did stays theirs."""

    list_display = ["email", "name", "role", "level", "is_active", "second_factor", "date_joined"]
    list_filter = ["role", "is_active", "is_robot"]
    search_fields = ["email", "name"]
    list_per_page = 50
    fields = ["email", "name", "role", "level", "language", "timezone", "is_active", "invited_by", "date_joined"]
    readonly_fields = ["email", "invited_by", "date_joined"]
    actions = ["remove_second_factor"]

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        return False

    @admin.display(description=_("second factor"), boolean=True)
    def second_factor(self, user: User) -> bool:
        return gates.has_second_factor(user)

    def save_model(self, request: HttpRequest, obj: User, form: forms.ModelForm[User], change: bool) -> None:
        super().save_model(request, obj, form, change)
        details = {field: str(getattr(obj, field)) for field in form.changed_data if field != "name"}
        audit.record(Tag.ADMIN_ACCOUNT_CHANGED, person_of(request), obj.pk, details, request)

    @admin.action(description=_("Remove the second factor (phone or key lost)"))
    def remove_second_factor(self, request: HttpRequest, users: QuerySet[User]) -> None:
        for user in users:
            services.remove_second_factor(user=user, by=person_of(request), request=request)
        message = _("Removed. They set up a new one after the next sign-in; the password still holds.")
        self.message_user(request, message, messages.SUCCESS)


class MembershipInline(admin.StackedInline[Membership, Organisation]):
    model = Membership
    extra = 0
    autocomplete_fields = ["user"]


class TopUpForm(forms.Form):
    """`id` is made when the form is shown: sending it twice tops up once."""

    amount = forms.DecimalField(label=_("Amount"), min_value=0, max_digits=12)
    note = forms.CharField(
        label=_("Note"),
        max_length=200,
        help_text=_("Where the money came from: the number of a bank order, for example."),
    )
    id = forms.UUIDField(widget=forms.HiddenInput)

    def __init__(self, *args: Any, currency: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.currency = currency
        self.fields["amount"].help_text = currency
        self.fields["amount"].widget.attrs["step"] = str(10 ** -minor_digits(currency))

    def clean_amount(self) -> Money:
        try:
            amount = Money.from_decimal(self.cleaned_data["amount"], self.currency)
        except ValueError:
            raise forms.ValidationError(
                _("The amount is finer than the smallest coin. Leave the last digits out.")
            ) from None
        if not 0 < amount.minor <= MAX_TOP_UP_MINOR:
            raise forms.ValidationError(_("The amount must be more than nothing."))
        return amount


@admin.register(Organisation)
class OrganisationAdmin(admin.ModelAdmin[Organisation]):
    list_display = ["name", "country", "currency", "available", "created_at"]
    search_fields = ["name"]
    list_per_page = 50
    fields = ["name", "country", "timezone", "currency", "money"]
    inlines = [MembershipInline]

    def get_readonly_fields(self, request: HttpRequest, obj: Organisation | None = None) -> list[str]:
        return ["money", "currency"] if obj else ["money"]  # an account's currency is for ever

    def has_delete_permission(self, request: HttpRequest, obj: Organisation | None = None) -> bool:
        return False

    @admin.display(description=_("available"))
    def available(self, organisation: Organisation) -> str:
        return _written(selectors.available_of(AccountKind.CUSTOMER, organisation.pk, organisation.currency))

    @admin.display(description=_("balance"))
    def money(self, organisation: Organisation) -> SafeString | str:
        if organisation._state.adding:
            return "-"
        return format_html(
            '{} · {} {} <a class="button" href="{}">{}</a>',
            _written(selectors.available_of(AccountKind.CUSTOMER, organisation.pk, organisation.currency)),
            _("held:"),
            _written(selectors.held_of(AccountKind.CUSTOMER, organisation.pk, organisation.currency)),
            reverse("admin:people_organisation_top_up", args=[organisation.pk]),
            _("Top up"),
        )

    def get_urls(self) -> list[URLPattern]:
        top_up = self.admin_site.admin_view(self.top_up)
        return [path("<uuid:id>/top-up/", top_up, name="people_organisation_top_up"), *super().get_urls()]

    def top_up(self, request: HttpRequest, id: Any) -> HttpResponse:
        by = person_of(request)
        organisation = gates.organisation_for_admin(request.user, id)
        form = TopUpForm(request.POST or None, currency=organisation.currency, initial={"id": new_id()})
        if request.method == "POST" and form.is_valid():
            services.top_up(
                organisation=organisation,
                amount=form.cleaned_data["amount"],
                note=form.cleaned_data["note"],
                id=form.cleaned_data["id"],
                by=by,
                request=request,
            )
            self.message_user(request, _("The balance is topped up."), messages.SUCCESS)
            return redirect("admin:people_organisation_change", organisation.pk)
        context = {
            **self.admin_site.each_context(request),
            "title": _("Top up: %(name)s") % {"name": organisation.name},
            "organisation": organisation,
            "available": self.available(organisation),
            "form": form,
            "opts": self.opts,
        }
        return TemplateResponse(request, "admin/people/organisation/top_up.html", context)

    def save_model(
        self, request: HttpRequest, obj: Organisation, form: forms.ModelForm[Organisation], change: bool
    ) -> None:
        if change:
            super().save_model(request, obj, form, change)
            details = {"changed": form.changed_data}
            audit.record(Tag.ADMIN_ORGANISATION_CHANGED, person_of(request), obj.pk, details, request)
            return
        made = services.create_organisation(
            name=obj.name,
            country=obj.country,
            timezone=obj.timezone,
            currency=obj.currency,
            by=person_of(request),
            tag=Tag.ADMIN_ORGANISATION_CREATED,
            request=request,
        )
        obj.pk, obj._state.adding = made.pk, False

    def save_formset(self, request: HttpRequest, form: Any, formset: Any, change: bool) -> None:
        super().save_formset(request, form, formset, change)
        if formset.has_changed():
            details = {
                "added": [m.user_id for m in formset.new_objects],
                "changed": [m.user_id for m, _fields in formset.changed_objects],
                "removed": [m.user_id for m in formset.deleted_objects],
            }
            audit.record(Tag.ADMIN_MEMBERSHIP_CHANGED, person_of(request), form.instance.pk, details, request)


class InvitationForm(forms.ModelForm[Invitation]):
    days = forms.IntegerField(
        label=_("valid for, days"), min_value=1, max_value=services.MAX_INVITATION_DAYS, initial=14
    )
    uses = forms.IntegerField(
        label=_("how many people may use it"), min_value=1, max_value=services.MAX_INVITATION_USES, initial=1
    )

    class Meta:
        model = Invitation
        fields = ["role", "organisation", "membership_level", "email"]
        help_texts = {
            "organisation": _("For a customer's people. Empty: the newcomer founds a new customer and owns it."),
            "email": _("Empty: whoever has the link."),
        }

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        if self.errors:
            return data
        try:
            services.check_invitation(
                role=data["role"],
                organisation=data.get("organisation"),
                membership_level=data.get("membership_level", ""),
                email=data.get("email", ""),
                days=data["days"],
                uses=data["uses"],
            )
        except InvalidInputError as error:
            raise forms.ValidationError(str(error.sentence)) from error
        return data


@admin.register(Invitation)
class InvitationAdmin(admin.ModelAdmin[Invitation]):
    list_display = ["__str__", "role", "organisation", "email", "issued_by", "created_at", "expires_at", "uses_left"]
    list_filter = ["role"]
    list_select_related = ["organisation", "issued_by"]
    list_per_page = 50
    actions = ["withdraw"]
    form = InvitationForm

    def get_fields(self, request: HttpRequest, obj: Invitation | None = None) -> list[Any]:
        if obj is None:
            return ["role", "organisation", "membership_level", "email", "days", "uses"]
        return ["link", "role", "organisation", "membership_level", "email", "issued_by", "expires_at", "uses_left"]

    def get_readonly_fields(self, request: HttpRequest, obj: Invitation | None = None) -> list[str]:
        return [] if obj is None else self.get_fields(request, obj)

    def get_form(self, request: HttpRequest, obj: Invitation | None = None, change: bool = False, **kwargs: Any) -> Any:
        if obj is not None:
            kwargs["form"] = forms.ModelForm  # nothing to fill in
        return super().get_form(request, obj, change, **kwargs)

    def has_delete_permission(self, request: HttpRequest, obj: Invitation | None = None) -> bool:
        return False

    @admin.display(description=_("link to send"))
    def link(self, invitation: Invitation) -> SafeString:
        return format_html('<input class="vLargeTextField" readonly value="{}">', services.link_of(invitation))

    def save_model(
        self, request: HttpRequest, obj: Invitation, form: forms.ModelForm[Invitation], change: bool
    ) -> None:
        if change:
            return  # every field is read-only
        issued = services.invite(
            role=obj.role,
            organisation=obj.organisation,
            membership_level=obj.membership_level,
            email=obj.email,
            days=form.cleaned_data["days"],
            uses=form.cleaned_data["uses"],
            issued_by=person_of(request),
            tag=Tag.ADMIN_INVITATION_ISSUED,
            request=request,
        )
        obj.pk, obj.token, obj._state.adding = issued.pk, issued.token, False

    def response_add(
        self, request: HttpRequest, obj: Invitation, post_url_continue: str | None = None
    ) -> HttpResponseRedirect:
        self.message_user(request, _("Here is the link. Send it to whoever it is for."), messages.SUCCESS)
        return HttpResponseRedirect(reverse("admin:people_invitation_change", args=[obj.pk]))

    @admin.action(description=_("Withdraw: nobody can use it from now on"))
    def withdraw(self, request: HttpRequest, invitations: QuerySet[Invitation]) -> None:
        for invitation in invitations:
            services.withdraw_invitation(
                invitation=invitation, by=person_of(request), tag=Tag.ADMIN_INVITATION_WITHDRAWN, request=request
            )
        self.message_user(request, _("Withdrawn."), messages.SUCCESS)


@admin.register(AuditEntry)
class AuditEntryAdmin(ReadOnlyAdmin):
    list_display = ["at", "tag", "actor", "subject_id", "address"]
    list_filter = ["tag"]
    search_fields = ["subject_id", "actor__email"]
    list_select_related = ["actor"]
    date_hierarchy = "at"


def _written(amount: Money) -> str:
    return amount.format(get_language() or "en")
