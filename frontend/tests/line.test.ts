import assert from "node:assert/strict";
import { test } from "node:test";
import { dbfs, meterShare, SILENT_AFTER_MS, SilenceWatch } from "../src/line/level.ts";
import { isPoor, qualityOf } from "../src/line/quality.ts";
import { SleepWatch } from "../src/line/sleep.ts";

test("levels of known signals", () => {
  const sine = Float32Array.from({ length: 4800 }, (_, n) => Math.sin((2 * Math.PI * 100 * n) / 4800));
  assert.ok(Math.abs(dbfs(sine) - -3.01) < 0.05);
  assert.ok(Math.abs(dbfs(sine.map((s) => s / 10)) - -23.01) < 0.05);
  assert.equal(dbfs(new Float32Array(100)), -100);
  assert.equal(meterShare(-100), 0);
  assert.equal(meterShare(0), 1);
});

test("silence is said once, and so is the return of the voice", () => {
  const watch = new SilenceWatch();
  const changes: [number, boolean][] = [];
  const note = (db: number, at: number) => {
    if (watch.note(db, at)) changes.push([at, watch.silent]);
  };
  note(-30, 0);
  for (let at = 100; at <= 12_000; at += 100) note(-100, at);
  note(-30, 12_100);
  note(-30, 12_200);
  assert.deepEqual(changes, [
    [100 + SILENT_AFTER_MS, true],
    [12_100, false],
  ]);
});

test("a short pause between words is no silence", () => {
  const watch = new SilenceWatch();
  for (let at = 0; at < 60_000; at += 100) assert.equal(watch.note(at % 4000 < 3000 ? -100 : -20, at), false);
});

const REPORT = [
  { id: "T", type: "transport", selectedCandidatePairId: "P" },
  { id: "P", type: "candidate-pair", currentRoundTripTime: 0.031 },
  { id: "C", type: "codec", mimeType: "audio/PCMU" },
  { id: "O", type: "outbound-rtp", kind: "audio", codecId: "C" },
  { id: "I", type: "inbound-rtp", kind: "audio", packetsReceived: 190, packetsLost: 12, jitter: 0.0042 },
];

test("quality is of the time since the former look", () => {
  const [quality, counted] = qualityOf(REPORT, { received: 100, lost: 2 });
  assert.deepEqual(quality, { codec: "PCMU", roundTripMs: 31, lossPercent: 10, jitterMs: 4 });
  assert.deepEqual(counted, { received: 190, lost: 12 });
  assert.ok(isPoor(quality));
  const [next] = qualityOf(REPORT, counted);
  assert.equal(next.lossPercent, 0);
});

test("what the far end misses counts as well, and an empty report is no mistake", () => {
  const remote = { id: "R", type: "remote-inbound-rtp", kind: "audio", fractionLost: 0.25, roundTripTime: 0.2 };
  const [quality] = qualityOf([...REPORT, remote], { received: 190, lost: 12 });
  assert.equal(quality.lossPercent, 25);
  assert.equal(quality.roundTripMs, 200);
  const [nothing] = qualityOf([], { received: 0, lost: 0 });
  assert.deepEqual(nothing, { codec: "", roundTripMs: undefined, lossPercent: 0, jitterMs: 0 });
});

test("a device that slept is noticed once, a late tick is not", () => {
  const watch = new SleepWatch(0);
  assert.equal(watch.tick(1000), undefined);
  assert.equal(watch.tick(5000), undefined); // four seconds late: a busy page
  assert.equal(watch.tick(17_000), 12_000);
  assert.equal(watch.tick(18_000), undefined);
});
