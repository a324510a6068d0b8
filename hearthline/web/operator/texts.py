"""What the console's script says: the page carries these sentences, translated, as JSON."""

from __future__ import annotations

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

LINE_TEXTS: dict[str, str | Promise] = {
    "line_closed": _("No line"),
    "line_opening": _("Opening the line"),
    "line_open": _("Line open"),
    "line_muted": _("Muted"),
    "line_reconnecting": _("Reconnecting"),
    "line_taken_over": _("Open elsewhere"),
    "choose_microphone": _("Choose another"),
    "microphone_n": _("Microphone {n}"),
    "quality_trip": _("{ms} ms"),
    # xgettext:no-python-format
    "quality_loss": _("{percent} % loss"),
    # xgettext:no-python-format
    "quality_poor": _("The line is poor: {percent} % of the sound is lost. A cable instead of Wi-Fi helps."),
    "trouble_denied": _(
        "The browser may not use the microphone. Allow it by the icon beside the address, then open the line again."
    ),
    "trouble_missing": _("No microphone was found. Plug in the headset, then open the line again."),
    "trouble_busy": _("The microphone is used by another program. Close it, then open the line again."),
    "trouble_unplugged": _("The microphone was unplugged. Another one is used if there is one; choose it above."),
    "trouble_insecure": _("Browsers give the microphone to secure pages only. Open this page by its https address."),
    "trouble_network": _(
        "The sound could not reach the exchange. A firewall may hold it back: allow outgoing UDP, then open the line again."
    ),
    "microphone_unchecked": _(
        "This is another microphone than you checked. Look at its level while you speak; you can check it from the page of campaigns."
    ),
    "device_another": _(
        "The microphone was unplugged; {label} is used now. When the first one is plugged in again, the line goes back to it."
    ),
    "device_none": _(
        "The microphone was unplugged, and there is no other. Plug it in again: the line takes it by itself."
    ),
    "device_back": _("The microphone is back: {label}."),
    "slept": _(
        "This device slept for {seconds} s, and the line is being connected again. Keep the lid open during a call."
    ),
    "trouble_silent": _("Your microphone has been silent for 5 seconds. Is the headset plugged in and switched on?"),
    "trouble_taken_over": _("The line was opened on another page. To work here, open it again."),
    "line_elsewhere": _("Your line is open on another page. Open it here to go on here."),
    "trouble_session": _("You have been signed out. Sign in again to go on."),
    "trouble_replaced": _("Too many pages of the exchange are open. Close some, then reload this one."),
    "trouble_stream": _("The connection to the exchange was lost. A call goes on meanwhile; we are reconnecting."),
    "trouble_offline": _("The exchange cannot be reached. Check the network; what you type is kept here."),
    "stream_back": _("Connected again."),
    "line_came_back": _("The network changed; the line came back after {seconds} s."),
    "line_moved": _("Your line has moved within the exchange and is open. Go on as before."),
    "gone_grace_expired": _("Nothing was heard from your browser for too long, so the line was closed. Open it again."),
    "gone_node_lost": _("The telephone part of the exchange has restarted. Open the line again."),
    "gone_hung_up": _("The telephone was hung up. Open the line, and it rings again."),
    "gone_busy": _("Your telephone is busy. Put its receiver down, then open the line again."),
    "gone_no_answer": _("Nobody answered your telephone. Open the line again, and it rings once more."),
    "gone_rejected": _("Your telephone refused the call. Open the line again, and accept it when it rings."),
    "gone_absent": _("Your telephone cannot be reached. Is it switched on, and is its number right in your settings?"),
    "gone_network": _(
        "The telephone network did not put the call to your telephone through. Try again, or use the browser."
    ),
    "gone_not_confirmed": _(
        "No key was pressed on your telephone, so the line was closed. Open it again and press one."
    ),
    "gone_code_wrong": _(
        "Other digits were pressed than those shown here. Open the line again and press the new ones."
    ),
    "gone_lost": _("The connection to your telephone was lost. Open the line, and it rings again."),
    "gone_silent": _("Nothing was heard from your telephone for too long, so it was hung up. Open the line again."),
    "gone_idle": _("Nobody was called for a while, so your telephone was hung up. Open the line, and it rings again."),
    "gone_limit": _(
        "What the exchange pays for your telephone within a day is used up. Work with the browser until tomorrow."
    ),
    "gone_moved": _(
        "Your line moves to another part of the exchange. Put the telephone down; it rings again in a few seconds."
    ),
    "gone_time_up": _("Your telephone was open for the longest time there is. Open the line, and it rings again."),
    "gone": _("The line was closed. Open it again to go on."),
    "line_rings": _("Your telephone rings"),
    "line_phone_muted": _("Telephone muted"),
    "own_telephone": _("Telephone"),
    "own_sip_phone": _("SIP phone"),
    "telephone_cost": _("Telephone {price}/min, used {used} of {limit}"),
    "press_code": _("Answer your telephone and press {code} on it."),
    "press_any": _("Answer your telephone and press any key on it."),
    "answer_sip": _("Answer your SIP phone."),
    "sip_unregistered": _(
        "Your SIP phone is not registered. Switch it on, or look at its settings; then open the line."
    ),
    "rings_redial": _("The connection to your telephone was lost; it rings again. Answer it and press a key."),
    "rings_moved": _("Your telephone rings again, from another part of the exchange. Answer it and press a key."),
    "said_phone_muted": _("Your telephone is muted: nobody hears you."),
    "said_phone_unmuted": _("You are heard again."),
    "ends_by_limit": _(
        "At {time} what the exchange pays for your telephone within a day is used up. A call that goes on then can be finished"
        " within 15 minutes; after it the telephone is hung up. To go on working, choose the browser in your settings."
    ),
    "ends_by_time_up": _(
        "At {time} your telephone will have been open for the longest time there is, and is hung up, in a call too; then it"
        " rings again. Better hang it up yourself between two calls, and open the line again."
    ),
    "line_settings": _("How my line is opened"),
}

TEXTS: dict[str, str | Promise] = {
    **LINE_TEXTS,
    "mode_no_line": _("No line"),
    "mode_opening": _("Opening the line"),
    "mode_on_break": _("On a break"),
    "mode_ready": _("Ready"),
    "mode_reserved": _("Reserved for you"),
    "mode_dialling": _("Dialling"),
    "mode_ringing": _("Ringing"),
    "mode_early": _("Listening to the network"),
    "mode_talking": _("Talking"),
    "mode_on_hold": _("On hold"),
    "mode_calling_manager": _("Calling the manager"),
    "mode_briefing": _("Briefing the manager"),
    "mode_handed_over": _("Handed over"),
    "mode_wrap_up": _("Wrap-up"),
    "hint_no_line": _("Open the line: your microphone stays connected for the whole shift."),
    "hint_no_line_callback": _("Open the line: your telephone {phone} rings and stays open for the shift."),
    "hint_no_line_sip_phone": _("Open the line: your SIP phone rings and stays open for the shift."),
    "hint_opening": _("The browser may ask to use the microphone. Allow it."),
    "hint_on_break": _("Nobody is given to you. Go on when you are ready."),
    "hint_ready": _("Take the next contact."),
    "hint_reserved": _("Read, then dial. The contact is yours for {left}."),
    "hint_dialling": _("The call is on its way."),
    "hint_ringing": _("Waiting for an answer."),
    "hint_early": _("You hear the telephone network itself."),
    "hint_talking": _("{left} left of {most}."),
    "hint_on_hold": _("The contact hears music."),
    "hint_calling_manager": _("{manager} is being called; the contact hears music."),
    "hint_briefing": _("Only {manager} hears you; the contact hears music."),
    "hint_handed_over": _(
        "{manager} and the contact are talking. Write the result down; you are free for the next one."
    ),
    "hint_wrap_up": _("Choose how it ended, then save."),
    "a_manager": _("The manager"),
    "primary_open_line": _("Open the line"),
    "primary_resume": _("Go on with the shift"),
    "primary_next": _("Take the next contact"),
    "primary_dial": _("Dial"),
    "primary_complete": _("Complete the hand-over"),
    "primary_save_next": _("Save and next"),
    "primary_save_break": _("Save, then break"),
    "recording_on": _("Recording"),
    "recording_paused": _("Recording paused; it goes on by itself in {left}"),
    "recording_paused_now": _("Recording paused"),
    "recording_waiting_read": _("Not recorded yet: read the announcement first"),
    "recording_waiting_played": _("Not recorded yet: you both hear the announcement"),
    "record_pause": _("Pause recording"),
    "record_resume": _("Resume recording"),
    "record_begin": _("They agree: record"),
    "recording_said_on": _("The recording goes on."),
    "recording_said_paused": _("The recording is paused: say the card number now."),
    "recording_said_bound": _("The pause was too long; the recording goes on."),
    "recording_said_operator_left": _("The recording goes on."),
    "recording_said_announced": _("The contact has been told; the call is recorded."),
    "recording_said_not_played": _(
        "The announcement could not be played. Read it; when the contact agrees, press the key."
    ),
    "said_muted": _("Microphone muted"),
    "said_unmuted": _("Microphone on"),
    "said_break_after": _("A break begins after this contact."),
    "said_no_break_after": _("No break after this contact."),
    "draft_saved": _("Saved"),
    "draft_kept_here": _("Kept on this page; not sent yet"),
    "outcome_busy": _("Busy."),
    "outcome_no_answer": _("No answer."),
    "outcome_absent": _("The number cannot be reached."),
    "outcome_rejected": _("The call was rejected."),
    "outcome_network": _("The telephone network did not put the call through."),
    "outcome_cancelled": _("You ended the call before an answer."),
    "outcome_not_wrapped_up": _("The time to save the result has passed; the call was closed without one."),
    "returns_at": _("This contact comes back at {time}."),
    "returns_never": _("This contact does not come back."),
    "earned": _("Saved: {amount} earned."),
    "earned_ringing": _("{amount} for the time it rang."),
    "offer_title": _("Other campaigns bring more at the moment."),
    "offer_title_work": _("There is work in other campaigns."),
    "offer_here": _("{name}: about {hourly} an hour."),
    "offer_more": _("{name}: about {hourly} an hour, {more} more."),
    "offer_one": _("{name}: about {hourly} an hour."),
    "offer_few": _("(few calls so far)"),
    "offer_go": _("Go over to {name}"),
    "offer_stay": _("To stay, take the next contact (Enter). You will not be asked again for a while."),
    "offer_wait": _("To wait here, try again in a while (Enter)."),
    "promise_due": _("It is time for a call that you promised. Take the next contact: it comes to you."),
    "paid_by_exchange": _("A fault of the exchange cut the call off, so the exchange pays you itself."),
    "saved_unpaid": _("Saved. Not paid: {reason}."),
    "saved": _("Saved."),
    "unpaid_not_answered": _("nobody answered"),
    "unpaid_not_wrapped_up": _("it was not wrapped up in time"),
    "unpaid_disposition_not_payable": _("this result is not a paid one"),
    "unpaid_too_short": _("the conversation was too short"),
    "unpaid_operator_vanished": _("your browser was lost during the call"),
    "unpaid_no_evidence": _("nothing was measured of its sound"),
    "unpaid_practice": _("this was practice"),
    "unpaid_contact_not_heard": _("the contact was not heard"),
    "unpaid_operator_not_heard": _("you were not heard"),
    "unpaid_other": _("the call's record does not show a conversation"),
    "listened_silent": _("A moderator is listening to this call."),
    "listened_whisper": _("A moderator speaks to you; the contact does not hear it."),
    "listened_barge": _("A moderator has joined the call; everybody hears them."),
    "listened_stop": _("The moderator has left the call."),
    "ended_by_contact": _("The contact hung up."),
    "ended_by_operator": _("You hung up."),
    "ended_by_manager": _("The manager hung up."),
    "ended_by_exchange": _("The longest time for a call has passed."),
    "ended_operator_vanished": _(
        "Nothing came from your browser for too long, so the contact heard a goodbye and was let go. Open the line if it is"
        " closed, then save how far you came; the contact can be called again."
    ),
    "ended_node_lost": _(
        "The telephone part of the exchange failed, and the call with it. It is not your fault: save the result; if you had"
        " talked long enough, the exchange pays you."
    ),
    "ended_by_switch": _("The telephone network ended the call."),
    "handover_declined": _("{manager} declined. The contact is with you again."),
    "handover_unanswered": _("{manager} did not answer. The contact is with you again."),
    "handover_cancelled": _("You took the contact back."),
    "handover_failed": _("{manager} could not be reached. The contact is with you again."),
    "handover_contact_gone": _("The contact hung up during the briefing."),
    "handover_ended": _("The manager's conversation with the contact has ended."),
    "released_lease_expired": _("You had this contact for too long without calling; it went back to the queue."),
    "released_withdrawn": _("The customer withdrew this contact."),
    "released_skipped": _("Skipped. The contact goes to somebody else."),
    "lease_left": _("This contact goes back in half a minute. Press Tab to keep it."),
    "said_chosen": _("Chosen: {title}."),
    "minute_left": _("One minute left in this call."),
    "choose_disposition": _("Choose how the conversation ended: keys 1 to 9."),
    "choose_call_back": _("Choose the day and the time to call back."),
    "hang_up_first": _("The call goes on. Hang up first, then save."),
    "keys_collide": _("Two actions share a key. Give one of them another."),
    "key_unfit": _("This key cannot be used. Choose a letter, a digit or F1 to F12."),
    "keys_saved": _("Your keys are saved."),
    "press_a_key": _("Press a key"),
    "campaign_paused": _("The campaign is paused. Finish this contact, then choose another campaign."),
}
