from __future__ import annotations

from django.urls import path

from hearthline.web.operator import call_commands, languages, own_call, pages, promised, shift_commands

app_name = "operator"
urlpatterns = [
    path("work/", pages.choose, name="choose"),
    path("work/languages/", languages.languages, name="languages"),
    path("work/promises/<uuid:id>/give-up/", promised.give_up, name="give_up_promise"),
    path("work/begin/", pages.begin, name="begin"),
    path("work/earnings/", pages.earnings, name="earnings"),
    path("work/feedback/", own_call.feedback, name="feedback"),
    path("work/calls/<uuid:id>/", own_call.call, name="call"),
    path("work/shift/", pages.shift, name="shift"),
    path("work/shift/state/", pages.state, name="state"),
    path("work/shift/break/", shift_commands.take_break, name="break"),
    path("work/shift/end/", shift_commands.end, name="end"),
    path("work/shift/next/", shift_commands.next_contact, name="next"),
    path("work/shift/campaign/", shift_commands.change_campaign, name="change_campaign"),
    path("work/shift/skip/", shift_commands.skip, name="skip"),
    path("work/shift/renew/", shift_commands.renew, name="renew"),
    path("work/shift/draft/", shift_commands.draft, name="draft"),
    path("work/shift/wrap-up/", shift_commands.wrap_up, name="wrap_up"),
    path("work/shift/contact/", shift_commands.add_contact, name="add_contact"),
    path("work/shift/shortcuts/", shift_commands.shortcuts, name="shortcuts"),
    path("work/line/open/", call_commands.open_line, name="open_line"),
    path("work/line/ring/", call_commands.open_phone_line, name="open_phone_line"),
    path("work/line/close/", call_commands.close_line, name="close_line"),
    path("work/line/mute/", call_commands.mute, name="mute_line"),
    path("work/call/dial/", call_commands.dial, name="dial"),
    path("work/call/hang-up/", call_commands.hang_up, name="hang_up"),
    path("work/call/hold/", call_commands.hold, name="hold"),
    path("work/call/recording/", call_commands.record, name="record"),
    path("work/call/digits/", call_commands.digits, name="digits"),
    path("work/call/transfer/", call_commands.transfer, name="transfer"),
    path("work/call/transfer/complete/", call_commands.complete, name="complete"),
    path("work/call/transfer/take-back/", call_commands.take_back, name="take_back"),
]
