from django.contrib.admin.apps import AdminConfig


class ExchangeAdminConfig(AdminConfig):
    """In place of `django.contrib.admin` in INSTALLED_APPS; in a module of its own, for it is read before any model."""

    default_site = "hearthline.people.admin_site.ExchangeAdminSite"
