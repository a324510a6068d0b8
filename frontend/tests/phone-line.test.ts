import assert from "node:assert/strict";
import { test } from "node:test";
import type { ExchangeEvent } from "../src/events/stream.ts";
import { LimitWarning } from "../src/line/limit.ts";
import {
  isTelephone,
  type OpenLine,
  type OwnLine,
  PhoneLine,
  phoneInstruction,
  phoneWords,
  toldOfTelephone,
} from "../src/line/phone.ts";
import { Refusal } from "../src/net/post.ts";
import { setTexts } from "../src/net/texts.ts";
import { isPossible } from "../src/operator/mode.ts";
import { applyEvent, type ConsoleState } from "../src/operator/state.ts";

const OWN: OwnLine = {
  kind: "callback",
  phone: "+7 4•• •••-••-42",
  per_minute_minor: 150,
  used_minor: 320,
  limit_minor: 30000,
  currency: "RUB",
};
const RUNG: OpenLine = { id: "l1", state: "opening", kind: "callback", code: "4821" };

function phoneThat(ring: () => Promise<{ line: string; kind: OwnLine["kind"]; code: string }>) {
  const told: string[] = [];
  const phone = new PhoneLine({
    ring,
    close: async (line) => void told.push(`close ${line}`),
    rings: (line) => void told.push(`rings ${line.code}`),
    mute: async (line, on) => void told.push(`mute ${line} ${on}`),
    state: (state) => void told.push(state),
    muted: (on) => void told.push(`muted ${on}`),
    failed: (refusal) => void told.push(refusal.message),
  });
  return { phone, told };
}

test("a telephone is rung once, opened by a key, hung up", async () => {
  let rung = 0;
  const { phone, told } = phoneThat(async () => {
    rung += 1;
    return { line: "l1", kind: "callback", code: "4821" };
  });
  await Promise.all([phone.open(), phone.open()]);
  assert.equal(rung, 1);
  phone.opened();
  assert.equal(phone.state, "open");
  await phone.close();
  assert.deepEqual(told, ["rings 4821", "opening", "open", "closed", "close l1"]);
});

test("a line that was read to be closed is known until its event says why", async () => {
  const { phone } = phoneThat(async () => ({ line: "l1", kind: "callback", code: "4821" }));
  await phone.open();
  phone.opened();
  phone.sync(null);
  assert.equal(phone.state, "closed");
  assert.equal(phone.id, "");
  assert.ok(phone.isOrWas("l1"));
  phone.gone();
  assert.ok(!phone.isOrWas("l1"));
  assert.ok(!phone.isOrWas(""));
});

test("a state that was read before the line ended does not bring it back", async () => {
  const { phone, told } = phoneThat(async () => ({ line: "l1", kind: "callback", code: "4821" }));
  await phone.open();
  phone.opened();
  phone.gone();
  phone.sync({ ...RUNG, state: "open" });
  assert.equal(phone.state, "closed");
  phone.rang("l1"); // the exchange rings it again
  phone.sync({ ...RUNG, state: "open" });
  assert.deepEqual(told, ["rings 4821", "opening", "open", "closed", "opening", "open"]);
});

test("a refusal is told and leaves no line", async () => {
  const { phone, told } = phoneThat(async () => {
    throw new Refusal({ code: "callback_limit", message: "used up" }, true);
  });
  await phone.open();
  assert.deepEqual([phone.state, phone.id, told], ["closed", "", ["used up"]]);
});

test("what the exchange says counts, whichever way it came", () => {
  const { phone } = phoneThat(async () => ({ line: "l1", kind: "callback", code: "" }));
  phone.sync(RUNG);
  assert.equal(phone.state, "opening");
  phone.sync({ ...RUNG, state: "stalled" });
  assert.equal(phone.state, "open");
  phone.sync(null);
  assert.deepEqual([phone.state, phone.id], ["closed", ""]);
  phone.rang("l2");
  assert.deepEqual([phone.state, phone.id], ["opening", "l2"]);
});

test("digits are read one by one; a SIP phone needs no key", () => {
  setTexts({ press_code: "press {code}", press_any: "any", answer_sip: "answer" });
  assert.equal(phoneInstruction(OWN, RUNG), "press 4 8 2 1");
  assert.equal(phoneInstruction(OWN, { ...RUNG, code: "" }), "any");
  assert.equal(phoneInstruction({ kind: "sip_phone" }, null), "answer");
});

test("the price and what was used are in words", () => {
  setTexts({ own_telephone: "Telephone", telephone_cost: "{price}/min, used {used} of {limit}" });
  const words = phoneWords(OWN, "en");
  assert.match(words, /^.*1[.,]50.*\/min, used .*3[.,]20.* of .*300[.,]00.*$/);
  assert.equal(phoneWords({ ...OWN, per_minute_minor: null }), "Telephone");
});

test("a telephone is muted by the page when the exchange has done it, and only while it is open", async () => {
  const { phone, told } = phoneThat(async () => ({ line: "l1", kind: "callback", code: "" }));
  await phone.setMuted(true);
  phone.sync({ ...RUNG, state: "open" });
  const pressed = phone.setMuted(true);
  assert.equal(phone.muted, false); // not before it is so
  await pressed;
  toldOfTelephone("line.muted", phone); // its event, after the reply
  assert.equal(phone.muted, true);
  toldOfTelephone("line.unmuted", phone); // another page
  assert.deepEqual(told, ["open", "mute l1 true", "muted true", "muted false"]);
  phone.sync({ ...RUNG, state: "open", muted: true });
  phone.gone();
  assert.equal(phone.muted, false);
});

test("a telephone that another node has is hung up and rung once more", async () => {
  let full = false;
  const { phone, told } = phoneThat(async () => {
    if (full) throw new Refusal({ code: "nodes_full", message: "full" }, true);
    return { line: "l2", kind: "callback", code: "" };
  });
  phone.sync({ ...RUNG, state: "open" });
  const again = phone.reopen();
  phone.sync(null); // the state, read while it is being asked
  await again;
  assert.deepEqual([phone.id, phone.state, told], ["l2", "opening", ["open", "rings ", "opening"]]);
  phone.opened();
  full = true;
  await phone.reopen();
  assert.deepEqual([phone.id, phone.state, told.slice(3)], ["", "closed", ["open", "full", "closed"]]);
});

test("a telephone can be muted as a microphone can", () => {
  const state = (own: OwnLine, line: OpenLine | null) => ({ own_line: own, line }) as ConsoleState;
  assert.equal(isPossible("mute", "talking", state({ kind: "browser" }, null), "open"), true);
  assert.equal(isPossible("mute", "talking", state(OWN, RUNG), "open"), true);
  assert.equal(isPossible("mute", "opening", state(OWN, RUNG), "opening"), false);
  assert.equal(isTelephone({ kind: "browser" }, RUNG), true);
});

test("two minutes before a telephone is hung up it is said, once, with the hour", () => {
  setTexts({ ends_by_limit: "used up at {time}", ends_by_time_up: "longest at {time}" });
  const endsAt = Date.parse("2026-11-25T14:35:00Z");
  const line: OpenLine = { ...RUNG, state: "open", ends_at: "2026-11-25T14:35:00Z", ends_by: "limit" };
  const warning = new LimitWarning();
  assert.equal(warning.due(line, endsAt - 121_000, "en"), "");
  assert.match(warning.due(line, endsAt - 120_000, "en"), /^used up at .*35/);
  assert.equal(warning.due(line, endsAt - 60_000, "en"), "");
  assert.match(warning.due({ ...line, id: "l2", ends_by: "time_up" }, endsAt - 1000, "en"), /^longest at/);
  assert.equal(warning.due({ ...line, id: "l3", ends_at: null, ends_by: "" }, endsAt, "en"), "");
  assert.equal(warning.due(null, endsAt, "en"), "");
});

test("events of muting change the state that was read", () => {
  const state = { last_event: 1, line: { ...RUNG, state: "open" } } as ConsoleState;
  const muted = applyEvent(state, { id: 2, name: "line.muted", payload: {} } as ExchangeEvent);
  assert.equal(muted.line?.muted, true);
});
