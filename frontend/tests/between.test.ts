import assert from "node:assert/strict";
import { test } from "node:test";
import { setTexts } from "../src/net/texts.ts";
import { momentOf, type Offer, offerSentence } from "../src/operator/between.ts";
import { savedSentence } from "../src/operator/news.ts";

Object.assign(globalThis, { document: { documentElement: { lang: "en-IE" } } }); // money is written in the page's language

const offer: Offer = {
  campaign: "Here",
  hourly_minor: 20_000,
  currency: "EUR",
  better: [{ id: "c1", name: "Better", hourly_minor: 26_000, more_minor: 6_000, pay_minor: 900, few: false }],
};
const [better] = offer.better;

setTexts({
  offer_more: "{name}: {hourly}, {more} more.",
  offer_one: "{name}: {hourly}.",
  offer_few: "(few)",
  saved_unpaid: "Not paid: {reason}.",
  unpaid_too_short: "too short",
  earned_ringing: "{amount} for ringing.",
  earned: "{amount} earned.",
});

test("an offer names what is more, and says when little is known", () => {
  assert.ok(better);
  assert.equal(offerSentence(offer, better), "Better: €260, €60 more.");
  assert.equal(offerSentence(offer, { ...better, few: true }), "Better: €260, €60 more. (few)");
  assert.equal(offerSentence({ ...offer, hourly_minor: null }, better), "Better: €260.");
});

test("a promised moment has its day when that is another one", () => {
  const now = Date.parse("2026-03-25T09:00:00");
  assert.equal(momentOf(Date.parse("2026-03-25T15:05:00") / 1000, now, "en-GB"), "15:05");
  assert.equal(momentOf(Date.parse("2026-03-27T15:05:00") / 1000, now, "en-GB"), "27 Mar 15:05");
});

test("a call that is not paid may have brought something for its ringing", () => {
  const outcome = { payable: false, not_payable_reason: "too_short", earned_minor: 0, currency: "EUR" };
  assert.equal(savedSentence(outcome), "Not paid: too short.");
  assert.equal(savedSentence({ ...outcome, earned_minor: 100 }), "Not paid: too short. €1.00 for ringing.");
  assert.equal(savedSentence({ ...outcome, payable: true, earned_minor: 900 }), "€9.00 earned.");
});
