"""The two campaigns of the demonstration, in Russian and in English: script, form, outcomes, and who is to be called."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from hearthline.campaigns.models import DispositionKind, FieldKind
from hearthline.campaigns.services import DispositionSpec, FieldSpec
from hearthline.switch.robots.characters import Character
from hearthline.switch.robots.operator_voice import OperatorLines

_C = Character


@dataclass(frozen=True, slots=True)
class DemoCampaign:
    language: str
    country: str
    timezone: str
    name: str
    brief: str
    script: str
    columns: tuple[dict[str, str], ...]
    fields: tuple[FieldSpec, ...]
    outcomes: tuple[tuple[str, DispositionKind, bool, int | None], ...]  # title, kind, paid for, again after minutes
    price_minor: int
    first_number: int  # without its plus; the others follow
    manager_number: str  # a manager who is reached by telephone
    names: tuple[str, ...]
    doctors: tuple[str, ...]
    days: tuple[str, ...]
    overture: tuple[Character, ...]  # the first contacts, in order; the rest is drawn
    said: OperatorLines
    notes: dict[Character, str]

    @property
    def dispositions(self) -> list[DispositionSpec]:
        return [
            {"key": key, "title": title, "kind": kind, "payable": paid, "retry_after_min": again}
            for key, (title, kind, paid, again) in enumerate(self.outcomes, start=1)
        ]


def _fields(who: str, day: str, comment: str, days: Sequence[str]) -> tuple[FieldSpec, ...]:
    return (
        {"key": "who", "title": who, "kind": FieldKind.TEXT, "required": False},
        {"key": "day", "title": day, "kind": FieldKind.CHOICE, "choices": list(days), "required": False},
        {"key": "comment", "title": comment, "kind": FieldKind.TEXT, "required": False},
    )


def _flow(text: str) -> str:
    """A paragraph on one line: in a script every line break is meant."""
    return re.sub(r"(?<!\n)\n(?![\n>]|$)", " ", text)


_DAYS_RU = ("Пн", "Вт", "Ср", "Чт", "Пт", "Сб")
_DAYS_EN = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat")

RUSSIAN = DemoCampaign(
    language="ru",
    country="RU",
    timezone="Europe/Moscow",
    name="Осенний осмотр",
    brief="Пригласить тех, кто не был у врача больше года, на бесплатный осмотр. Заинтересованных соединить с администратором.",
    script=_flow("""Добрый день, {{name}}! Меня зовут {{operator}}, я звоню из клиники «Заря».

В последний раз вы были у нас **{{last_visit}}**. До конца месяца осмотр у врача ({{doctor}}) для вас **бесплатный**, он
занимает двадцать минут.

**Какой день вам удобен?** *Отметьте день справа.*

> [!if] «Мне некогда»
> Осмотр есть и в субботу с утра. Записать вас на субботу?

> [!if] «Откуда у вас мой номер?»
> Вы оставили его в анкете клиники. Если звонить не надо, я это отмечу. *Клавиша 5.*

> [!if] Интересуется, спрашивает о цене
> Соединяю с администратором: он ответит точнее. *Клавиша t, коротко расскажите ему, потом ещё раз t.*

Спасибо, ждём вас! До свидания.
"""),
    columns=({"key": "last_visit", "title": "Последний визит"}, {"key": "doctor", "title": "Врач"}),
    fields=_fields("Кто придёт", "Удобный день", "Комментарий", _DAYS_RU),
    outcomes=(
        ("Придёт", DispositionKind.SUCCESS, True, None),
        ("Перезвонить", DispositionKind.CALL_BACK, False, 60),
        ("Отказ", DispositionKind.REFUSAL, True, None),
        ("Не тот человек", DispositionKind.WRONG_NUMBER, False, None),
        ("Больше не звонить", DispositionKind.DO_NOT_CALL, False, None),
        ("Автоответчик, тишина", DispositionKind.NO_CONVERSATION, False, 120),
    ),
    price_minor=1500,
    first_number=79000000101,
    manager_number="+79000000900",
    names=(
        "Ирина Петровна", "Алексей Смирнов", "Ольга Васильевна", "Дмитрий Кузнецов", "Наталья Соколова", "Сергей Попов",
        "Елена Лебедева", "Андрей Козлов", "Татьяна Новикова", "Михаил Морозов", "Светлана Волкова", "Николай Зайцев",
        "Людмила Павлова", "Виктор Семёнов", "Галина Голубева", "Павел Виноградов", "Юлия Богданова", "Роман Воробьёв",
        "Марина Фёдорова", "Игорь Михайлов",
    ),
    doctors=("терапевт", "кардиолог", "окулист"),
    days=_DAYS_RU,
    overture=(
        _C.AGREES, _C.REFUSES, _C.BUSY, _C.CALLS_BACK, _C.AGREES, _C.WRONG_NUMBER, _C.HANGS_UP_EARLY, _C.REFUSES, _C.ABSENT,
        _C.AGREES,
    ),
    said=OperatorLines(
        opening="Добрый день! Это клиника Заря. Вам удобно говорить?",
        lines=(
            "До конца месяца осмотр для вас бесплатный. Какой день вам удобен?",
            "Записываю. Будем вас ждать.",
        ),
        on_hold="Минуту, соединяю вас с администратором.",
        briefing="Добрый день. На линии пациент, хочет на осмотр, спрашивает о цене. Соединяю.",
        closing="Спасибо, всего доброго!",
    ),
    notes={
        _C.AGREES: "Слышно хорошо, ждёт сообщения с адресом.",
        _C.LONG_TALKER: "Очень разговорчив, осмотр нужен.",
        _C.REFUSES: "Лечится в другом месте.",
        _C.CALLS_BACK: "На совещании, просил позвонить позже.",
        _C.WRONG_NUMBER: "Номер сменился, пациент здесь не живёт.",
    },
)  # fmt: skip

ENGLISH = DemoCampaign(
    language="en",
    country="US",
    timezone="America/New_York",
    name="Autumn check-up",
    brief="Invite people who have not seen a doctor for a year to a free check-up; put whoever is interested through to the desk.",
    script=_flow("""Good afternoon, {{name}}! My name is {{operator}}, I am calling from Clinic Zarya.

You were last with us in **{{last_visit}}**. Until the end of the month a check-up with the {{doctor}} is **free** for you
and takes twenty minutes.

**Which day suits you?** *Mark the day on the right.*

> [!if] "I have no time"
> There are check-ups on Saturday morning too. Shall I put you down for Saturday?

> [!if] "Who gave you my number?"
> You left it in the clinic's form. If you do not want to be called, I will note that. *Key 5.*

> [!if] Is interested, asks about the price
> I will put you through to the desk, they know exactly. *Key t, tell them in a sentence, then t again.*

Thank you, we look forward to seeing you. Goodbye!
"""),
    columns=({"key": "last_visit", "title": "Last visit"}, {"key": "doctor", "title": "Doctor"}),
    fields=_fields("Who will come", "Convenient day", "Comment", _DAYS_EN),
    outcomes=(
        ("Will come", DispositionKind.SUCCESS, True, None),
        ("Call back", DispositionKind.CALL_BACK, False, 60),
        ("Refused", DispositionKind.REFUSAL, True, None),
        ("Wrong person", DispositionKind.WRONG_NUMBER, False, None),
        ("Do not call", DispositionKind.DO_NOT_CALL, False, None),
        ("Voicemail, silence", DispositionKind.NO_CONVERSATION, False, 120),
    ),
    price_minor=1800,
    first_number=12025550101,  # 555-01XX is kept for fiction in North America
    manager_number="+12125550190",
    names=(
        "James Walker", "Mary Collins", "Robert Hayes", "Patricia Morgan", "John Bennett", "Jennifer Brooks", "Michael Reed",
        "Linda Foster", "William Hughes", "Elizabeth Price", "David Russell", "Barbara Griffin", "Richard Hayes",
        "Susan Coleman", "Joseph Simmons", "Jessica Bryant", "Thomas Alexander", "Sarah Hamilton", "Charles Graham",
        "Karen Reynolds",
    ),
    doctors=("family doctor", "cardiologist", "optician"),
    days=_DAYS_EN,
    overture=(
        _C.AGREES, _C.BUSY, _C.REFUSES, _C.AGREES, _C.CALLS_BACK, _C.VOICEMAIL, _C.WRONG_NUMBER, _C.HANGS_UP_EARLY,
    ),
    said=OperatorLines(
        opening="Good afternoon! This is Clinic Zarya. Is this a good moment?",
        lines=(
            "Until the end of the month a check-up is free for you. Which day suits you?",
            "I have put you down. See you then.",
        ),
        on_hold="One moment, I will put you through to the desk.",
        briefing="Hello. I have a patient who wants the check-up and asks about the price. Go ahead.",
        closing="Thank you, goodbye!",
    ),
    notes={
        _C.AGREES: "Hears well, waits for a message with the address.",
        _C.LONG_TALKER: "Likes to talk; needs the check-up.",
        _C.REFUSES: "Is treated elsewhere.",
        _C.CALLS_BACK: "In a meeting, asked for a later call.",
        _C.WRONG_NUMBER: "The number has changed hands.",
    },
)  # fmt: skip

CAMPAIGNS = (RUSSIAN, ENGLISH)

MEANS: dict[Character, int] = {
    Character.AGREES: 1,
    Character.LONG_TALKER: 1,
    Character.CALLS_BACK: 2,
    Character.REFUSES: 3,
    Character.HANGS_UP_EARLY: 3,
    Character.WRONG_NUMBER: 4,
    Character.VOICEMAIL: 6,
}  # the key of the outcome that fits what a contact of this character meant
