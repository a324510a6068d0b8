// The console's state as the exchange tells it (`calls.selectors.console_state`), and how events change it.
import type { ExchangeEvent } from "../events/stream.ts";
import type { OpenLine, OwnLine } from "../line/phone.ts";
import type { CallRecording } from "./recording.ts";
import { recordingAfter } from "./recording.ts";

export interface Shift {
  id: string;
  started_at: string;
  on_break: boolean;
  break_began_at: string | null;
  calls: number;
  conversations: number;
  skipped: number;
  earned_minor: number;
  currency: string;
}

export interface Field {
  key: string;
  title: string;
  kind: "text" | "number" | "choice" | "date" | "yes_no";
  choices: string[];
  required: boolean;
}

export interface Disposition {
  id: number;
  key: number;
  title: string;
  kind: string;
  payable: boolean;
  retry_after_min: number | null;
}

export interface Campaign {
  id: string;
  name: string;
  state: string;
  pause_reason: string;
  currency: string;
  max_duration_s: number;
  has_managers: boolean;
  fields: Field[];
  dispositions: Disposition[];
}

export interface Contact {
  id: string;
  name: string;
  timezone: string;
  attempts: number;
}

export interface Assignment {
  id: string;
  fence: number;
  lease_expires_at: string;
  contact: Contact;
}

export interface HandOver {
  id: string;
  state: string;
  manager_name: string;
  rang_at: string | null;
  answered_at: string | null;
  completed_at: string | null;
}

export interface Call {
  attempt: string;
  assignment: string;
  fence: number;
  phase: string;
  dialled_at: string;
  ringing_at: string | null;
  answered_at: string | null;
  operator_left_at: string | null;
  ended_at: string | null;
  ended_by: string;
  /** Why the exchange let the contact go: "operator_vanished", "node_lost", ...; empty: it did not. */
  end_reason?: string;
  max_duration_s: number;
  recording?: CallRecording;
  draft: { fields: Record<string, unknown>; notes: string };
  handover: HandOver | null;
}

export interface ConsoleState {
  last_event: number;
  /** The exchange's clock when the state was read, seconds since the epoch. */
  now: number;
  shift: Shift | null;
  campaign: Campaign | null;
  line: OpenLine | null;
  own_line: OwnLine;
  assignment: Assignment | null;
  call: Call | null;
  /** Callbacks that this operator has promised; `next_at`: seconds since the epoch. */
  promises: { count: number; next_at: number | null };
  /** Rendered by the exchange for this assignment: the script, what is known of the contact, the form. */
  worksheet: { assignment: string; html: string } | null;
}

const iso = (at: unknown): string => new Date((typeof at === "number" ? at : 0) * 1000).toISOString();
const text = (value: unknown): string => (typeof value === "string" ? value : "");

type Change = (call: Call, payload: Record<string, unknown>) => Call;

const CALL_CHANGES: Record<string, Change> = {
  "call.ringing": (call, p) => ({ ...call, phase: "ringing", ringing_at: call.ringing_at ?? iso(p["at"]) }),
  "call.early_media": (call, p) => ({ ...call, phase: "early", ringing_at: call.ringing_at ?? iso(p["at"]) }),
  "call.answered": (call, p) => ({ ...call, phase: "talking", answered_at: call.answered_at ?? iso(p["at"]) }),
  "call.held": (call) => ({ ...call, phase: "on_hold" }),
  "call.resumed": (call) => ({ ...call, phase: "talking" }),
  "call.recording": (call, p) => ({ ...call, recording: recordingAfter(call.recording, p) }),
  "call.ended": (call, p) => ({
    ...call,
    recording: recordingAfter(call.recording, { recording: "off" }),
    phase: call.phase === "handed_over" ? "wrap_up" : text(p["phase"]) || "wrap_up",
    ended_at: iso(p["at"]),
    ended_by: text(p["by"]),
    operator_left_at: call.operator_left_at ?? iso(p["at"]),
  }),
  "handover.ringing": (call, p) => ({
    ...call,
    phase: "briefing",
    handover: {
      id: text(p["handover"]),
      state: "ringing",
      manager_name: text(p["manager_name"]),
      rang_at: iso(p["at"]),
      answered_at: null,
      completed_at: null,
    },
  }),
  "handover.answered": (call, p) => ({
    ...call,
    phase: "briefing",
    handover: call.handover && { ...call.handover, state: "briefing", answered_at: iso(p["at"]) },
  }),
  "handover.completed": (call, p) => ({
    ...call,
    phase: "handed_over",
    operator_left_at: iso(p["at"]),
    handover: call.handover && { ...call.handover, state: "completed", completed_at: iso(p["at"]) },
  }),
  "handover.declined": backToTalking,
  "handover.unanswered": backToTalking,
  "handover.cancelled": backToTalking,
  "handover.failed": backToTalking,
  "call.wrapped_up": (call) => ({ ...call, phase: "closed" }),
  "call.closed": (call) => ({ ...call, phase: "closed" }),
};

function backToTalking(call: Call): Call {
  return call.phase === "briefing" ? { ...call, phase: "talking", handover: null } : call;
}

/** The state after an event: at once what can be known from it; the page reads the whole state again soon after. */
export function applyEvent(state: ConsoleState, event: ExchangeEvent): ConsoleState {
  if (event.id && event.id <= state.last_event) return state;
  const next = { ...state, last_event: event.id || state.last_event };
  const change = CALL_CHANGES[event.name];
  if (change && state.call && state.call.attempt === event.payload["attempt"]) {
    const call = change(state.call, event.payload);
    // the contact of a closed call is no longer reserved: the keys that dial must not mean the same person again
    const over = call.phase === "closed" && state.assignment?.id === call.assignment;
    return { ...next, call, assignment: over ? null : state.assignment };
  }
  if (event.name === "shift.changed" && state.shift && state.shift.id === event.payload["shift"]) {
    const p = event.payload as unknown as Shift;
    const { on_break, calls, conversations, skipped, earned_minor } = p;
    const currency = p.currency || state.shift.currency;
    return { ...next, shift: { ...state.shift, on_break, calls, conversations, skipped, earned_minor, currency } };
  }
  if (event.name === "line.stalled" || event.name === "line.resumed") {
    const line = state.line && { ...state.line, state: event.name === "line.stalled" ? "stalled" : "open" };
    return { ...next, line };
  }
  if (state.line && (event.name === "line.muted" || event.name === "line.unmuted")) {
    return { ...next, line: { ...state.line, muted: event.name === "line.muted" } };
  }
  return next;
}

/** A state read from the exchange, with the events on top that came while it was on its way. */
export function mergeState(read: ConsoleState, since: readonly ExchangeEvent[]): ConsoleState {
  return since.filter((event) => event.id > read.last_event).reduce(applyEvent, read);
}

/** Events after which the whole state is read again. */
export function changesEverything(name: string): boolean {
  return /^(call|contact|handover|shift|campaign|phone)\./.test(name);
}
