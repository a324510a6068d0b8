import assert from "node:assert/strict";
import { test } from "node:test";
import { collisions, isRemappable, keyLabel, resolveKeys } from "../src/keys/bindings.ts";
import { aboutMoney, clock, money, say, setTexts, wallClock } from "../src/net/texts.ts";
import { lostCallSentence, newsOf, savedSentence } from "../src/operator/news.ts";
import type { Call } from "../src/operator/state.ts";

const DEFAULTS = { hang_up: "KeyH", mute: "KeyM", take_back: "Escape" };

test("own keys replace the usual ones; what is no single key does not", () => {
  assert.deepEqual(resolveKeys(DEFAULTS, { hang_up: "F2", mute: "ControlLeft", other: "KeyX" }), {
    hang_up: "F2",
    mute: "KeyM",
    take_back: "Escape",
  });
  assert.deepEqual(resolveKeys(DEFAULTS, { off: true }), DEFAULTS);
});

test("two actions on one key are found", () => {
  assert.deepEqual(collisions({ a: "KeyH", b: "KeyH", c: "KeyM" }).sort(), ["a", "b"]);
  assert.deepEqual(collisions(DEFAULTS), []);
});

test("Enter, Tab and modifiers cannot be taken", () => {
  for (const code of ["Enter", "Tab", "Space", "ShiftLeft", "MetaRight", "ArrowUp", ""]) {
    assert.equal(isRemappable(code), false, code);
  }
  assert.ok(isRemappable("KeyQ") && isRemappable("Digit7") && isRemappable("F11") && isRemappable("Semicolon"));
});

test("keys are shown as they are printed", () => {
  assert.deepEqual(["KeyH", "Digit3", "Escape", "BracketLeft", "F5"].map(keyLabel), ["h", "3", "Esc", "[", "F5"]);
});

test("durations", () => {
  assert.deepEqual([0, 7.9, 65, 3725, -3].map(clock), ["0:00", "0:07", "1:05", "1:02:05", "0:00"]);
});

test("money by the currency's own minor unit", () => {
  assert.equal(money(21400, "RUB", "en"), "214.00\u00a0₽");
  assert.equal(money(500, "JPY", "en"), "¥500");
  assert.equal(money(5, "", "en"), "–");
});

test("an estimate has no minor part where it is not small", () => {
  assert.equal(aboutMoney(18_514, "RUB", "en"), "₽185");
  assert.equal(aboutMoney(554, "USD", "en"), "$5.54");
  assert.equal(aboutMoney(5, "", "en"), "–");
});

test("a moment in the contact's zone, as the input wants it", () => {
  assert.equal(wallClock(Date.parse("2026-03-25T21:58:30Z"), "Asia/Yekaterinburg"), "2026-03-26T03:00");
});

test("places in sentences are filled, unknown ones stay to be seen", () => {
  setTexts({ hello: "Hello {name}, {missing}" });
  assert.equal(say("hello", { name: "Anna" }), "Hello Anna, {missing}");
  assert.equal(say("nothing_like_it"), "nothing_like_it");
});

test("what happened, in words", () => {
  setTexts({
    ended_by_contact: "The contact hung up.",
    outcome_busy: "Busy.",
    returns_never: "Gone.",
    handover_declined: "{manager} declined.",
    a_manager: "The manager",
    earned: "{amount} earned",
    saved_unpaid: "not paid: {reason}",
    unpaid_too_short: "too short",
    unpaid_other: "other",
  });
  const tell = (name: string, payload: Record<string, unknown>) => newsOf({ id: 1, name, at: 0, payload });
  assert.equal(tell("call.ended", { by: "contact", answered: true }).note, "The contact hung up.");
  assert.equal(tell("call.ended", { by: "contact", answered: false }).note, undefined);
  assert.equal(tell("call.wrapped_up", { outcome: "busy", retry_at: null }).note, "Busy. Gone.");
  assert.equal(tell("call.wrapped_up", { outcome: "", disposition: 3 }).note, undefined);
  assert.equal(tell("handover.declined", { manager_name: "Boris" }).note, "Boris declined.");
  assert.equal(tell("handover.declined", {}).note, "The manager declined.");
  assert.equal(tell("call.failed", { message: "No trunk." }).trouble, "No trunk.");
  const outcome = { payable: false, not_payable_reason: "too_short", earned_minor: 0, currency: "RUB" };
  assert.equal(savedSentence(outcome), "not paid: too short");
  assert.equal(savedSentence({ ...outcome, not_payable_reason: "unheard_of" }), "not paid: other");
});

test("why the exchange let a contact go stands before who ended the call", () => {
  setTexts({
    ended_by_exchange: "Too long.",
    ended_operator_vanished: "Your browser was gone.",
    paid_by_exchange: "By us.",
  });
  const ended = (reason: string) =>
    newsOf({ id: 1, name: "call.ended", at: 0, payload: { by: "exchange", reason, answered: true } });
  assert.equal(ended("operator_vanished").trouble, "Your browser was gone.");
  assert.equal(ended("max_duration").note, "Too long.");
  const call = { phase: "wrap_up", end_reason: "operator_vanished" } as Call;
  assert.equal(lostCallSentence(call), "Your browser was gone.");
  assert.equal(lostCallSentence({ ...call, phase: "closed" }), "");
  assert.equal(lostCallSentence({ ...call, end_reason: "asked" }), "");
  assert.equal(lostCallSentence(null), "");
});
