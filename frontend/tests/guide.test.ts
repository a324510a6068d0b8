// The tutorial's steps follow what happens, in whatever order a person does it.
import assert from "node:assert/strict";
import { test } from "node:test";
import { Progress } from "../src/operator/guide.ts";
import type { Mode } from "../src/operator/mode.ts";

const go = (progress: Progress, ...modes: Mode[]) => {
  for (const mode of modes) progress.seen(mode);
  return progress.step;
};

test("each step leads to the next", () => {
  const progress = new Progress();
  assert.equal(progress.step, "open_line");
  assert.equal(go(progress, "no_line", "opening"), "open_line");
  assert.equal(go(progress, "ready"), "next");
  assert.equal(go(progress, "reserved"), "dial");
  assert.equal(go(progress, "dialling", "ringing", "talking"), "answers");
  progress.seen("talking", "answered_field");
  assert.equal(progress.step, "transfer");
  assert.equal(go(progress, "calling_manager", "briefing"), "complete");
  assert.equal(go(progress, "handed_over"), "outcome");
  progress.seen("handed_over", "chose_outcome");
  assert.equal(progress.step, "save");
  progress.seen("ready", "saved");
  assert.equal(progress.step, "done");
});

test("a call that ends early goes on with the outcome, and an outcome marked in mid-call is not the end", () => {
  const progress = new Progress();
  go(progress, "ready", "reserved", "talking");
  progress.seen("talking", "chose_outcome");
  assert.equal(progress.step, "answers");
  assert.equal(go(progress, "wrap_up"), "outcome");
});

test("steps can be skipped and the whole begun again", () => {
  const progress = new Progress();
  for (let n = 0; n < 20; n += 1) progress.skip();
  assert.equal(progress.step, "done");
  progress.begin();
  assert.equal(progress.step, "open_line");
});
