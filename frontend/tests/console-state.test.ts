import assert from "node:assert/strict";
import { test } from "node:test";
import type { ExchangeEvent } from "../src/events/stream.ts";
import { ACTIONS, type Action, isPossible, type Mode, modeOf, primaryOf, timerStart } from "../src/operator/mode.ts";
import { applyEvent, type Call, type ConsoleState, mergeState } from "../src/operator/state.ts";

const CALL: Call = {
  attempt: "a1",
  assignment: "s1",
  fence: 3,
  phase: "dialling",
  dialled_at: "2026-01-01T10:00:00Z",
  ringing_at: null,
  answered_at: null,
  operator_left_at: null,
  ended_at: null,
  ended_by: "",
  max_duration_s: 600,
  draft: { fields: {}, notes: "" },
  handover: null,
};

function state(changes: Partial<ConsoleState> = {}): ConsoleState {
  return {
    last_event: 10,
    now: 0,
    shift: {
      id: "h1",
      started_at: "2026-01-01T09:00:00Z",
      on_break: false,
      break_began_at: null,
      calls: 0,
      conversations: 0,
      skipped: 0,
      earned_minor: 0,
      currency: "RUB",
    },
    campaign: {
      id: "c1",
      name: "C",
      state: "running",
      pause_reason: "",
      currency: "RUB",
      max_duration_s: 600,
      has_managers: true,
      fields: [],
      dispositions: [],
    },
    line: null,
    own_line: { kind: "browser" },
    assignment: null,
    call: null,
    promises: { count: 0, next_at: null },
    worksheet: null,
    ...changes,
  };
}

let nextId = 11;
const event = (name: string, payload: Record<string, unknown> = {}): ExchangeEvent => ({
  id: nextId++,
  name,
  at: 0,
  payload: { attempt: "a1", at: 1767261600, ...payload },
});

test("a call's events lead through the modes", () => {
  let now = state({ call: CALL });
  const modes: Mode[] = [];
  const steps = [
    "call.ringing",
    "call.early_media",
    "call.answered",
    "call.held",
    "call.resumed",
    "handover.ringing",
    "handover.answered",
    "handover.completed",
    "call.ended",
  ];
  for (const name of steps) {
    now = applyEvent(now, event(name));
    modes.push(modeOf(now, "open"));
  }
  assert.deepEqual(modes, [
    "ringing",
    "early",
    "talking",
    "on_hold",
    "talking",
    "calling_manager",
    "briefing",
    "handed_over",
    "wrap_up",
  ]);
});

test("whatever ends a briefing brings the contact back", () => {
  for (const verb of ["declined", "unanswered", "cancelled", "failed"]) {
    const briefing = applyEvent(state({ call: { ...CALL, phase: "talking" } }), event("handover.ringing"));
    assert.equal(modeOf(applyEvent(briefing, event(`handover.${verb}`)), "open"), "talking", verb);
  }
});

test("another call's events change nothing", () => {
  const before = state({ call: CALL });
  const after = applyEvent(before, event("call.answered", { attempt: "other" }));
  assert.deepEqual(after.call, CALL);
});

test("an event that was seen before is not applied again", () => {
  const answered = event("call.answered");
  const before = { ...state({ call: { ...CALL, phase: "on_hold" } }), last_event: answered.id };
  assert.equal(applyEvent(before, answered), before);
});

test("a state that was read gets the events that came while it was on its way, and no older ones", () => {
  const old = event("call.answered");
  const held = event("call.held");
  const read = { ...state({ call: { ...CALL, phase: "talking" } }), last_event: old.id };
  assert.equal(mergeState(read, [old, held]).call?.phase, "on_hold");
  assert.equal(mergeState({ ...read, last_event: held.id }, [old, held]).call?.phase, "talking");
});

test("earnings follow the shift's events", () => {
  const payload = {
    shift: "h1",
    on_break: true,
    calls: 2,
    conversations: 1,
    skipped: 0,
    earned_minor: 1200,
    currency: "",
  };
  const after = applyEvent(state(), event("shift.changed", payload));
  assert.equal(after.shift?.earned_minor, 1200);
  assert.equal(after.shift?.currency, "RUB");
  assert.equal(modeOf(after, "open"), "on_break");
});

test("Enter never ends a call, and there is at most one primary action, which is possible", () => {
  const assignment = {
    id: "s1",
    fence: 3,
    lease_expires_at: "2026-01-01T10:02:00Z",
    contact: { id: "x", name: "", timezone: "UTC", attempts: 0 },
  };
  const cases: [ConsoleState, "open" | "closed", Action | undefined][] = [
    [state(), "closed", "open_line"],
    [state(), "open", "next"],
    [state({ assignment }), "open", "dial"],
    [state({ assignment }), "closed", "open_line"],
    [state({ assignment, call: CALL }), "open", undefined],
    [state({ assignment, call: { ...CALL, phase: "talking" } }), "open", undefined],
    [state({ assignment, call: { ...CALL, phase: "talking" } }), "closed", "open_line"],
    [state({ assignment, call: { ...CALL, phase: "wrap_up" } }), "open", "save_next"],
    [state({ assignment, call: { ...CALL, phase: "wrap_up" } }), "closed", "save_next"],
  ];
  for (const [one, line, expected] of cases) {
    const mode = modeOf(one, line);
    assert.equal(primaryOf(mode, line), expected, mode);
    if (expected) assert.ok(isPossible(expected, mode, one, line), `${expected} in ${mode}`);
  }
});

test("what is possible while talking", () => {
  const talking = state({ call: { ...CALL, phase: "talking" } });
  const possible = ACTIONS.filter((action) => isPossible(action, "talking", talking, "open")).sort();
  assert.deepEqual(possible, ["add_contact", "hang_up", "help", "hold", "keypad", "mute", "notes", "transfer"]);
  const nobody = { ...talking, campaign: talking.campaign && { ...talking.campaign, has_managers: false } };
  assert.equal(isPossible("transfer", "talking", nobody, "open"), false);
});

test("the timer counts from what the strip speaks of", () => {
  const call = { ...CALL, ringing_at: "2026-01-01T10:00:05Z", answered_at: "2026-01-01T10:00:12Z" };
  const at = (moment: string) => Date.parse(moment);
  assert.equal(timerStart("dialling", state({ call })), at("2026-01-01T10:00:00Z"));
  assert.equal(timerStart("ringing", state({ call })), at("2026-01-01T10:00:05Z"));
  assert.equal(timerStart("talking", state({ call })), at("2026-01-01T10:00:12Z"));
  assert.equal(timerStart("ready", state()), undefined);
});

test("the contact of a call that is wrapped up is not offered to be dialled again", () => {
  const assignment = {
    id: "s1",
    fence: 3,
    lease_expires_at: "2026-01-01T10:02:00Z",
    campaign: "c1",
    contact: { id: "p1", name: "", timezone: "UTC", attempts: 0, columns: [] },
  };
  const inWrapUp = state({ assignment, call: { ...CALL, phase: "wrap_up" } });
  const after = applyEvent(inWrapUp, event("call.wrapped_up", { attempt: "a1" }));
  assert.equal(modeOf(after, "open"), "ready");
  const another = state({ assignment: { ...assignment, id: "s2" }, call: { ...CALL, phase: "wrap_up" } });
  assert.equal(modeOf(applyEvent(another, event("call.wrapped_up", { attempt: "a1" })), "open"), "reserved");
});
