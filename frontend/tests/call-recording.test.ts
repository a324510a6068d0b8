import assert from "node:assert/strict";
import { test } from "node:test";
import { canChange, recordingAfter } from "../src/operator/recording.ts";

test("the key does nothing before the contact was told by the exchange's own voice", () => {
  assert.equal(canChange({ state: "waiting", consent: "played", paused_until: null }), false);
  assert.equal(canChange({ state: "waiting", consent: "read", paused_until: null }), true);
  assert.equal(canChange({ state: "on", consent: "", paused_until: null }), true);
  assert.equal(canChange({ state: "paused", consent: "played", paused_until: 5 }), true);
  assert.equal(canChange({ state: "off", consent: "", paused_until: null }), false);
  assert.equal(canChange(undefined), false);
});

test("an announcement that could not be played is the operator's to read", () => {
  const before = recordingAfter({ state: "waiting", consent: "played", paused_until: null }, { recording: "waiting" });
  assert.deepEqual(before, { state: "waiting", consent: "played", paused_until: null });
  const after = recordingAfter(before, { recording: "waiting", why: "not_played" });
  assert.deepEqual(after, { state: "waiting", consent: "read", paused_until: null });
  assert.equal(recordingAfter(after, { recording: "nonsense" }).state, "off");
});
