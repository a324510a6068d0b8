import assert from "node:assert/strict";
import { test } from "node:test";
import {
  isTelephone,
  type OpenLine,
  type OwnLine,
  PhoneLine,
  phoneInstruction,
  phoneWords,
} from "../src/line/phone.ts";
import { Refusal } from "../src/net/post.ts";
import { setTexts } from "../src/net/texts.ts";
import { isPossible } from "../src/operator/mode.ts";
import type { ConsoleState } from "../src/operator/state.ts";

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
    state: (state) => void told.push(state),
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

test("a telephone has its own key to mute it", () => {
  const state = (own: OwnLine, line: OpenLine | null) => ({ own_line: own, line }) as ConsoleState;
  assert.equal(isPossible("mute", "talking", state({ kind: "browser" }, null), "open"), true);
  assert.equal(isPossible("mute", "talking", state(OWN, RUNG), "open"), false);
  assert.equal(isTelephone({ kind: "browser" }, RUNG), true);
});
