"""What robots say, in Russian and English. Every line avoids naming the speaker's sex: any voice may say it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

Lines = Mapping[str, Sequence[Sequence[str]]]  # part of a talk -> its turns -> ways to say one

LANGUAGES = ("ru", "en")

RUSSIAN: Lines = {
    "greeting": [["Алло!", "Алло, слушаю вас.", "Да, слушаю.", "Слушаю, говорите."]],
    "nudge": [["Алло? Вы меня слышите?", "Алло, вы ещё здесь?"], ["Ничего не слышно. Перезвоните, пожалуйста."]],
    "filler": [["Угу.", "Понятно.", "Да, да.", "Так, хорошо.", "Да, верно.", "Продолжайте, пожалуйста."]],
    "farewell": [["Спасибо, до свидания!", "Всего доброго!", "Хорошо, до свидания."]],
    "agrees": [
        ["Да, удобно. А по какому вопросу?", "Да, это я. Говорите, пожалуйста.", "Минутка найдётся, слушаю."],
        ["Интересно. А сколько это стоит?", "А как это работает на деле?", "Понятно. И что для этого нужно?"],
        ["Хорошо, мне это подходит.", "Звучит неплохо. Давайте попробуем.", "Да, давайте, я за."],
        ["Запишите: удобнее всего во вторник после обеда.", "Да, соедините меня со специалистом, пожалуйста."],
    ],
    "refuses": [
        ["Нет, спасибо, мне это неинтересно.", "Спасибо, но у нас уже всё есть.", "Нет, мы ничего не покупаем."],
        ["Ещё раз: нет. До свидания.", "Не нужно, правда. Всего доброго."],
    ],
    "calls_back": [
        ["Сейчас неудобно, у меня совещание.", "Ой, я за рулём, не могу говорить."],
        ["Перезвоните завтра после трёх, пожалуйста.", "Наберите меня вечером, часов в семь."],
        ["Да, договорились. До свидания.", "Хорошо, жду звонка. До свидания."],
    ],
    "wrong_number": [
        ["Какая компания? Вы, наверное, ошиблись номером.", "Нет, здесь таких нет. Куда вы звоните?"],
        ["Это частная квартира. Вычеркните этот номер, пожалуйста. До свидания."],
    ],
    "hangs_up_early": [["Кто это? Не звоните мне больше!", "Опять реклама!"]],
    "long_talker": [
        ["Ой, как хорошо, что вы позвонили! Я как раз про это думаю."],
        ["Мы ведь в прошлом году уже пробовали, и вышло, знаете, не очень удачно."],
        ["Сосед посоветовал одну фирму, приехали трое, полдня ходили, всё записывали."],
        ["А потом прислали счёт, и в счёте половина того, о чём мы и не говорили."],
        ["Мой брат вообще считает, что надо всё делать самому, но у него и руки не так растут."],
        ["Помню, начали мы с ним баню строить, так она до сих пор без крыши стоит."],
        ["Так что вы говорите, говорите, я слушаю. Что у вас там за предложение?"],
        ["Надо подумать. С одной стороны, хорошо, а с другой стороны, кто его знает."],
        ["Пришлите мне всё на почту, я почитаю, и вы перезвоните на той неделе."],
    ],
    "manager": [
        ["Отдел продаж, слушаю вас."],
        ["Хорошо, понятно. Соединяйте, я поговорю с клиентом."],
        ["Здравствуйте! Мне коротко всё рассказали. Давайте обсудим подробности."],
        ["Да, это возможно. Когда вам было бы удобно?"],
        ["Отлично, записываю. Договор пришлю сегодня до вечера."],
        ["Спасибо вам за разговор, всего доброго!"],
    ],
    "voicemail": [["Здравствуйте! Сейчас я не могу ответить. Оставьте сообщение после сигнала."]],
    "unreachable": [["Аппарат абонента выключен или находится вне зоны действия сети."]],
}

ENGLISH: Lines = {
    "greeting": [["Hello?", "Hello, speaking.", "Yes, hello.", "Good day, who is calling?"]],
    "nudge": [["Hello? Can you hear me?", "Hello, are you still there?"], ["I can't hear you. Please call again."]],
    "filler": [["Uh-huh.", "I see.", "Yes, right.", "All right.", "That's correct.", "Go on, please."]],
    "farewell": [["Thank you, goodbye!", "Have a nice day!", "All right, goodbye."]],
    "agrees": [
        ["Yes, I have a minute. What is it about?", "Yes, that's me. Go ahead, please."],
        ["Interesting. How much does it cost?", "And how does that work in practice?", "I see. What would I need?"],
        ["That suits me.", "Sounds good. Let's try it.", "Yes, count me in."],
        ["Write down: Tuesday after lunch is best.", "Yes, please put me through to the specialist."],
    ],
    "refuses": [
        ["No, thank you, I'm not interested.", "Thanks, but we have everything already."],
        ["As I said: no. Goodbye.", "Really, no. Have a good day."],
    ],
    "calls_back": [
        ["It's not a good time, I'm in a meeting.", "Sorry, I'm driving, I can't talk."],
        ["Please call again tomorrow after three.", "Call me this evening, around seven."],
        ["Yes, agreed. Goodbye.", "Good, I'll wait for your call. Goodbye."],
    ],
    "wrong_number": [
        ["Which company? You must have the wrong number.", "No, nobody of that name here. Whom are you calling?"],
        ["This is a private home. Please take this number off your list. Goodbye."],
    ],
    "hangs_up_early": [["Who is this? Don't call me again!", "Advertising again!"]],
    "long_talker": [
        ["Oh, how nice that you call! I have been thinking about just that."],
        ["You know, we tried it last year already, and it did not turn out too well."],
        ["The neighbour knew a firm, three of them came, walked around for half a day and wrote everything down."],
        ["And then came the bill, and half of what was on it nobody had ever talked about."],
        ["My brother thinks one should do everything oneself, but he is not the handiest of men."],
        ["I remember how we began to build a shed together. It still has no roof."],
        ["But do tell me, do tell me, I'm listening. What is it that you offer?"],
        ["I'll have to think. On the one hand it's good, on the other hand, who knows."],
        ["Send me all of it by mail, I will read it, and you call again next week."],
    ],
    "manager": [
        ["Sales, good afternoon."],
        ["All right, I see. Put them through, I will talk to the client."],
        ["Hello! I have been told the essentials. Let's go through the details."],
        ["Yes, that is possible. When would suit you?"],
        ["Very good, I have that. You will get the contract by tonight."],
        ["Thank you for the talk, goodbye!"],
    ],
    "voicemail": [["Hello! I can't answer right now. Please leave a message after the tone."]],
    "unreachable": [["The number you have dialled is switched off or out of reach."]],
}

_BY_LANGUAGE = {"ru": RUSSIAN, "en": ENGLISH}


def lines(language: str) -> Lines:
    """Everything robots say in a language; English for one they do not speak."""
    return _BY_LANGUAGE.get(language, ENGLISH)


def every_line(language: str) -> list[str]:
    """Each distinct line once, for rendering ahead."""
    return list(dict.fromkeys(text for turns in lines(language).values() for ways in turns for text in ways))
