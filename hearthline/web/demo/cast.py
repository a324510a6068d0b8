"""The people of the demonstration. `hearthline.demo` puts them into the database; the entry page lists those who are not robots."""

from __future__ import annotations

from dataclasses import dataclass

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from hearthline.people.demonstration import DEMONSTRATION_DOMAIN
from hearthline.people.models import MembershipLevel, Role


@dataclass(frozen=True, slots=True)
class Person:
    key: str  # also the local part of the address
    name: str
    role: Role
    does: str | Promise
    level: MembershipLevel | None = None  # in the demonstration's customer
    language: str = "en"
    spoken: tuple[str, ...] = ()
    is_robot: bool = False
    is_new: bool = False  # an operator who has not passed the test call

    @property
    def email(self) -> str:
        return f"{self.key}@{DEMONSTRATION_DOMAIN}"


_OWNER, _MANAGER = MembershipLevel.OWNER, MembershipLevel.MANAGER
PEOPLE: tuple[Person, ...] = (
    Person("olga", "Olga Zaryanova", Role.CUSTOMER, _("owner of the clinic: campaigns, results, money"), _OWNER),
    Person("anna", "Anna Kareva", Role.OPERATOR, _("operator: calls with your microphone"), spoken=("en", "ru")),
    Person("maxim", "Максим Белов", Role.OPERATOR, _("operator with Russian pages"), language="ru", spoken=("ru",)),
    Person(
        "kira",
        "Kira Novak",
        Role.OPERATOR,
        _("a new operator: first call, training, test call"),
        spoken=("en",),
        is_new=True,
    ),
    Person("marina", "Marina Lunina", Role.CUSTOMER, _("manager: takes the calls that are handed over"), _MANAGER),
    Person("denis", "Denis Orlov", Role.CUSTOMER, _("a second manager"), _MANAGER),
    Person("irina", "Irina Sokol", Role.MODERATOR, _("moderator: listens and decides")),
    Person("admin", "Alexei Gorin", Role.ADMIN, _("admin: people, trunks, tariffs, the whole exchange")),
)
ROBOT_OPERATORS: tuple[Person, ...] = (
    Person("robot-vera", "Robot Vera", Role.OPERATOR, _("robot"), spoken=("en", "ru"), is_robot=True),
    Person("robot-boris", "Robot Boris", Role.OPERATOR, _("robot"), spoken=("en", "ru"), is_robot=True),
    Person("robot-nina", "Robot Nina", Role.OPERATOR, _("robot"), spoken=("en", "ru"), is_robot=True),
)
ROBOT_MANAGER = Person("robot-pavel", "Robot Pavel", Role.CUSTOMER, _("robot"), _MANAGER, is_robot=True)
EVERYBODY = (*PEOPLE, *ROBOT_OPERATORS, ROBOT_MANAGER)
BY_KEY = {person.key: person for person in EVERYBODY}
