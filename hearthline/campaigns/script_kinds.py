"""Three kinds of conversation to begin from: a script, its questions and its outcomes, in English and Russian.

The scripts use only variables that every campaign has, so that a fresh campaign passes `check_script`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.db import models
from django.utils.translation import gettext_lazy as _

from hearthline.campaigns.models import DispositionKind, FieldKind


class ScriptKind(models.TextChoices):
    INFORM = "inform", _("tell people something")
    INTERVIEW = "interview", _("ask people questions")
    FIND_NEED = "find_need", _("find who is interested")


@dataclass(frozen=True, slots=True)
class Question:
    key: str
    title: str
    kind: FieldKind = FieldKind.TEXT
    choices: tuple[str, ...] = ()
    required: bool = False


@dataclass(frozen=True, slots=True)
class Template:
    script: str
    questions: tuple[Question, ...]
    outcomes: tuple[tuple[str, DispositionKind, bool, int | None], ...]  # title, kind, payable, retry after minutes
    columns: tuple[dict[str, str], ...] = ()

    def field_rows(self) -> Iterator[dict[str, Any]]:
        for position, q in enumerate(self.questions):
            yield {
                "key": q.key,
                "title": q.title,
                "kind": q.kind,
                "choices": list(q.choices),
                "required": q.required,
                "position": position,
            }

    def disposition_rows(self) -> Iterator[dict[str, Any]]:
        for key, (title, kind, payable, retry) in enumerate(self.outcomes, 1):
            yield {"key": key, "title": title, "kind": kind, "payable": payable, "retry_after_min": retry}


def template_of(kind: ScriptKind | str, language: str) -> Template:
    """In Russian for Russian campaigns, in English for all others. Raises ValueError for an unknown kind."""
    return _TEMPLATES[ScriptKind(kind)]["ru" if language.lower().startswith("ru") else "en"]


_SUCCESS, _REFUSAL, _BACK, _WRONG, _NEVER, _NOBODY = (
    DispositionKind.SUCCESS,
    DispositionKind.REFUSAL,
    DispositionKind.CALL_BACK,
    DispositionKind.WRONG_NUMBER,
    DispositionKind.DO_NOT_CALL,
    DispositionKind.NO_CONVERSATION,
)

_TEMPLATES: dict[ScriptKind, dict[str, Template]] = {
    ScriptKind.INFORM: {
        "en": Template(
            """Good afternoon, {{name}}! My name is {{operator}}, I am calling from {{customer}}.

This takes one minute: **write here what the person should know.**

Did I say everything clearly?

> [!if] "I have no time"
> I understand. When may I call you back? *Choose “Call back”.*

> [!if] "Who gave you my number?"
> You left it with {{customer}}. I can note that you do not want to be called.

Thank you, goodbye!
""",
            (
                Question("understood", "Heard and understood", FieldKind.YES_NO, required=True),
                Question("comment", "Comment"),
            ),
            (
                ("Informed", _SUCCESS, True, None),
                ("Call back", _BACK, False, 60),
                ("Would not listen", _REFUSAL, True, None),
                ("Wrong number", _WRONG, False, None),
                ("Do not call", _NEVER, False, None),
                ("Voicemail or silence", _NOBODY, False, 120),
            ),
        ),
        "ru": Template(
            """Добрый день, {{name}}! Меня зовут {{operator}}, я звоню из «{{customer}}».

Это займёт одну минуту: **напишите здесь, что человек должен узнать.**

Всё ли понятно?

> [!if] «Мне некогда»
> Понимаю вас. Когда можно перезвонить? *Выберите «Перезвонить».*

> [!if] «Откуда у вас мой номер?»
> Вы оставляли его в «{{customer}}». Могу отметить, чтобы вам больше не звонили.

Спасибо, до свидания!
""",
            (
                Question("understood", "Услышал и понял", FieldKind.YES_NO, required=True),
                Question("comment", "Комментарий"),
            ),
            (
                ("Сообщено", _SUCCESS, True, None),
                ("Перезвонить", _BACK, False, 60),
                ("Не стал слушать", _REFUSAL, True, None),
                ("Не тот номер", _WRONG, False, None),
                ("Больше не звонить", _NEVER, False, None),
                ("Автоответчик или тишина", _NOBODY, False, 120),
            ),
        ),
    },
    ScriptKind.INTERVIEW: {
        "en": Template(
            """Good afternoon, {{name}}! My name is {{operator}}, from {{customer}}. We would like your opinion: four questions,
three minutes. Is now a good moment?

1. **How satisfied are you with us, from 1 to 5?**
2. **What do you like most?**
3. **What should we change?**
4. **Would you recommend us?**

> [!if] "I have no time"
> Of course. When would three minutes suit you?

> [!if] "What is it for?"
> {{customer}} wants to do better. Your answers are shown without your name.

Thank you for your time!
""",
            (
                Question("satisfaction", "Satisfaction", FieldKind.CHOICE, ("1", "2", "3", "4", "5"), required=True),
                Question("likes", "Likes most"),
                Question("change", "Should change"),
                Question("recommends", "Would recommend", FieldKind.YES_NO, required=True),
            ),
            (
                ("All answers given", _SUCCESS, True, None),
                ("Call back", _BACK, False, 120),
                ("Does not take part", _REFUSAL, False, None),
                ("Wrong number", _WRONG, False, None),
                ("Do not call", _NEVER, False, None),
                ("Voicemail or silence", _NOBODY, False, 120),
            ),
        ),
        "ru": Template(
            """Добрый день, {{name}}! Меня зовут {{operator}}, «{{customer}}». Хотим узнать ваше мнение: четыре вопроса,
три минуты. Вам удобно сейчас?

1. **Насколько вы довольны нами, от 1 до 5?**
2. **Что нравится больше всего?**
3. **Что нам изменить?**
4. **Посоветуете ли вы нас знакомым?**

> [!if] «Мне некогда»
> Конечно. Когда вам будет удобно уделить три минуты?

> [!if] «Зачем это нужно?»
> «{{customer}}» хочет работать лучше. Ответы показываются без вашего имени.

Спасибо, что нашли время!
""",
            (
                Question("satisfaction", "Оценка", FieldKind.CHOICE, ("1", "2", "3", "4", "5"), required=True),
                Question("likes", "Что нравится"),
                Question("change", "Что изменить"),
                Question("recommends", "Посоветует знакомым", FieldKind.YES_NO, required=True),
            ),
            (
                ("Ответил на всё", _SUCCESS, True, None),
                ("Перезвонить", _BACK, False, 120),
                ("Не участвует", _REFUSAL, False, None),
                ("Не тот номер", _WRONG, False, None),
                ("Больше не звонить", _NEVER, False, None),
                ("Автоответчик или тишина", _NOBODY, False, 120),
            ),
        ),
    },
    ScriptKind.FIND_NEED: {
        "en": Template(
            """Good afternoon, {{name}}! My name is {{operator}}, I am calling from {{customer}}.

**Say in one sentence what you offer and whom it helps.**

Is this of interest to you now?

> [!if] Interested
> I will connect you with our manager right now. *Press `t`; tell the manager in two sentences whom you have on the line.*

> [!if] "I have no time"
> When would it suit you? *Choose “Call back”.*

> [!if] "How much is it?"
> It depends on what you need; our manager tells you exactly, it takes a minute.

> [!if] "Who decides is somebody else"
> Whom may I ask, and at which number? *Add them as a new contact.*
""",
            (
                Question("person", "Person in charge"),
                Question("need", "What is needed", required=True),
                Question("when", "Convenient day", FieldKind.DATE),
                Question("comment", "Comment"),
            ),
            (
                ("Agreed", _SUCCESS, True, None),
                ("Call back", _BACK, False, 60),
                ("Refused", _REFUSAL, True, None),
                ("Wrong person", _WRONG, False, None),
                ("Do not call", _NEVER, False, None),
                ("Voicemail or silence", _NOBODY, False, 120),
            ),
        ),
        "ru": Template(
            """Добрый день, {{name}}! Меня зовут {{operator}}, я звоню из «{{customer}}».

**Одним предложением: что вы предлагаете и кому это помогает.**

Вам это сейчас интересно?

> [!if] Интересно
> Соединяю вас с нашим менеджером прямо сейчас. *Нажмите `t`; двумя словами расскажите менеджеру, кто на линии.*

> [!if] «Мне некогда»
> Когда вам будет удобно? *Выберите «Перезвонить».*

> [!if] «Сколько стоит?»
> Зависит от того, что вам нужно; менеджер скажет точно, это займёт минуту.

> [!if] «Решаю не я»
> К кому обратиться и по какому номеру? *Добавьте новый контакт.*
""",
            (
                Question("person", "Ответственное лицо"),
                Question("need", "Что нужно", required=True),
                Question("when", "Удобный день", FieldKind.DATE),
                Question("comment", "Комментарий"),
            ),
            (
                ("Согласие", _SUCCESS, True, None),
                ("Перезвонить", _BACK, False, 60),
                ("Отказ", _REFUSAL, True, None),
                ("Не тот человек", _WRONG, False, None),
                ("Больше не звонить", _NEVER, False, None),
                ("Автоответчик или тишина", _NOBODY, False, 120),
            ),
        ),
    },
}
