"""What the exchange's own campaigns say: one script, form and set of outcomes for all of them, in Russian and in English."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from hearthline.campaigns.models import CampaignKind, DispositionKind, FieldKind

_D = DispositionKind


@dataclass(frozen=True, slots=True)
class HouseWords:
    country: str
    timezone: str
    names: Mapping[CampaignKind, str]
    briefs: Mapping[CampaignKind, str]
    script: str
    columns: Mapping[str, str]
    fields: tuple[Mapping[str, Any], ...]
    outcomes: tuple[tuple[str, DispositionKind], ...]
    desk: str


def _fields(who: str, day: str, comment: str, days: tuple[str, ...]) -> tuple[Mapping[str, Any], ...]:
    return (
        {"key": "who", "title": who, "kind": FieldKind.TEXT},
        {"key": "day", "title": day, "kind": FieldKind.CHOICE, "choices": list(days)},
        {"key": "comment", "title": comment, "kind": FieldKind.TEXT},
    )


RUSSIAN = HouseWords(
    country="RU",
    timezone="Europe/Moscow",
    names={
        CampaignKind.TRAINING: "Тренировка",
        CampaignKind.TEST: "Пробный звонок",
        CampaignKind.TUTORIAL: "Первый звонок с подсказками",
        CampaignKind.GOLDEN: "Контрольные контакты",
    },
    briefs={
        CampaignKind.TRAINING: "Роботы отвечают как люди: соглашаются, возражают, перебивают. После каждого звонка видно, что вышло.",
        CampaignKind.TEST: "Один звонок роботу. Его запись слушает модератор; после него открываются кампании.",
        CampaignKind.TUTORIAL: "Шаг за шагом по рабочему месту: сценарий, ответы, клавиши, соединение с менеджером, итог.",
    },
    script="""Добрый день, {{name}}! Меня зовут {{operator}}, я звоню из клиники «Заря».

В последний раз вы были у нас **{{last_visit}}**. До конца месяца осмотр у врача ({{doctor}}) для вас **бесплатный**, он занимает двадцать минут.

**Какой день вам удобен?** *Отметьте день справа.*

> [!if] «Мне некогда»
> Осмотр есть и в субботу с утра. Записать вас на субботу?

> [!if] Отвечает кто-то другой
> Попросите позвать того, кому вы звоните, и дождитесь.

> [!if] Сейчас неудобно
> Когда вам перезвонить? *Клавиша 2, запишите время.*

> [!if] Спрашивает о цене и хочет поговорить с администратором
> Соединяю с администратором. *Клавиша t, коротко расскажите ему, потом ещё раз t.*

Спасибо! До свидания.
""",
    columns={"last_visit": "Последний визит", "doctor": "Врач"},
    fields=_fields("Кто придёт", "Удобный день", "Комментарий", ("Пн", "Вт", "Ср", "Чт", "Пт", "Сб")),
    outcomes=(
        ("Придёт", _D.SUCCESS),
        ("Перезвонить", _D.CALL_BACK),
        ("Отказ", _D.REFUSAL),
        ("Не тот человек", _D.WRONG_NUMBER),
        ("Больше не звонить", _D.DO_NOT_CALL),
        ("Автоответчик, тишина", _D.NO_CONVERSATION),
    ),
    desk="Регистратура (робот)",
)

ENGLISH = HouseWords(
    country="US",
    timezone="America/New_York",
    names={
        CampaignKind.TRAINING: "Training",
        CampaignKind.TEST: "The test call",
        CampaignKind.TUTORIAL: "A first call, step by step",
        CampaignKind.GOLDEN: "Golden contacts",
    },
    briefs={
        CampaignKind.TRAINING: "Robots answer as people do: they agree, object, break in, fetch somebody. After each call you see what came of it.",
        CampaignKind.TEST: "One call to a robot. A moderator hears its recording; campaigns open after it.",
        CampaignKind.TUTORIAL: "Step by step through the console: script, answers, keys, a hand-over to a manager, the result.",
    },
    script="""Good afternoon, {{name}}! My name is {{operator}}, I am calling from Clinic Zarya.

You were last with us in **{{last_visit}}**. Until the end of the month a check-up with the {{doctor}} is **free** for you and takes twenty minutes.

**Which day suits you?** *Mark the day on the right.*

> [!if] "I have no time"
> There are check-ups on Saturday morning too. Shall I put you down for Saturday?

> [!if] Somebody else answers
> Ask for the person you are calling, and wait for them.

> [!if] It is not a good time
> When may I call again? *Key 2, write the time down.*

> [!if] Asks about the price and wants to talk to the desk
> I will put you through to the desk. *Key t, tell them in a sentence, then t again.*

Thank you! Goodbye.
""",
    columns={"last_visit": "Last visit", "doctor": "Doctor"},
    fields=_fields("Who will come", "Convenient day", "Comment", ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat")),
    outcomes=(
        ("Will come", _D.SUCCESS),
        ("Call back", _D.CALL_BACK),
        ("Refused", _D.REFUSAL),
        ("Wrong person", _D.WRONG_NUMBER),
        ("Do not call", _D.DO_NOT_CALL),
        ("Voicemail, silence", _D.NO_CONVERSATION),
    ),
    desk="The desk (a robot)",
)
