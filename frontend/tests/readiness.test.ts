import assert from "node:assert/strict";
import { test } from "node:test";
import * as judge from "../src/readiness/judge.ts";

const states = (...found: judge.Finding[]) => found.map((one) => one.state);
const levels = (db: number, n = 60) => Array.from({ length: n }, (_, at) => db + (at % 3) - 1);

test("a room is judged by its quieter half, a voice by its loud tenth", () => {
  assert.deepEqual(states(judge.noise([...levels(-60), ...levels(-20, 20)])), ["good"]);
  assert.deepEqual(states(judge.noise(levels(-45)), judge.noise(levels(-30)), judge.noise([])), [
    "fair",
    "bad",
    "unknown",
  ]);
  const speech = [...levels(-70, 40), ...levels(-25, 20)];
  assert.deepEqual(states(judge.voice(speech, -70)), ["good"]);
  assert.deepEqual(states(judge.voice(levels(-48), -70)), ["fair"]);
  assert.deepEqual(states(judge.voice(levels(-1), -70)), ["fair"]);
  assert.deepEqual(states(judge.voice(levels(-100), -100)), ["bad"]);
  assert.deepEqual(states(judge.voice(levels(-40), -41)), ["bad"]); // nothing but the room
});

test("a tone that comes back is an echo", () => {
  assert.deepEqual(states(judge.echo(0.4), judge.echo(9), judge.echo(25), judge.echo(undefined)), [
    "good",
    "fair",
    "bad",
    "unknown",
  ]);
});

test("a line is judged by its middle round trip, its worst jitter and its mean loss", () => {
  const good = judge.line({ roundTripMs: [40, 900, 42], jitterMs: [3, 4], lossPercent: [0, 1] });
  assert.deepEqual(states(...good), ["good", "good", "good"]);
  assert.deepEqual(
    good.map((one) => one.value),
    [42, 4, 0.5],
  );
  const bad = judge.line({ roundTripMs: [500], jitterMs: [10, 90], lossPercent: [0, 12] });
  assert.deepEqual(states(...bad), ["bad", "bad", "bad"]);
  assert.deepEqual(states(...judge.line({ roundTripMs: [], jitterMs: [], lossPercent: [] })), [
    "unknown",
    "unknown",
    "unknown",
  ]);
});

test("a page in the background and an old browser are found", () => {
  assert.deepEqual(states(judge.timers(40), judge.timers(950), judge.timers(60_000)), ["good", "fair", "bad"]);
  const agent = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/104.0.0.0 Safari/537.36";
  assert.deepEqual(states(judge.browser(agent, [])), ["fair"]);
  assert.deepEqual(states(judge.browser(agent.replace("104", "131"), [])), ["good"]);
  assert.deepEqual(states(judge.browser(agent, ["RTCPeerConnection"])), ["bad"]);
  assert.deepEqual(states(judge.browser("Lynx/2.8", [])), ["unknown"]);
  assert.deepEqual(judge.browserOf("... Version/17.4 Safari/605.1.15"), { name: "Safari", version: 17 });
});
