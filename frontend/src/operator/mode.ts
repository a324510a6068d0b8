// Where the shift stands: one mode at a time, the one primary action of each, and what else is possible in it.
import type { LineState } from "../line/line.ts";
import { canChange } from "./recording.ts";
import type { ConsoleState } from "./state.ts";

export type Mode =
  | "no_line"
  | "opening"
  | "on_break"
  | "ready"
  | "reserved"
  | "dialling"
  | "ringing"
  | "early"
  | "talking"
  | "on_hold"
  | "calling_manager"
  | "briefing"
  | "handed_over"
  | "wrap_up";

export type Action =
  | "open_line"
  | "resume"
  | "next"
  | "dial"
  | "skip"
  | "hang_up"
  | "transfer"
  | "complete"
  | "take_back"
  | "mute"
  | "hold"
  | "keypad"
  | "record"
  | "notes"
  | "break"
  | "add_contact"
  | "save_next"
  | "end_shift"
  | "help";

const PHASES: Record<string, Mode> = {
  dialling: "dialling",
  ringing: "ringing",
  early: "early",
  talking: "talking",
  on_hold: "on_hold",
  handed_over: "handed_over",
  wrap_up: "wrap_up",
};

export function modeOf(state: ConsoleState, line: LineState): Mode {
  const call = state.call;
  if (call && call.phase !== "closed") {
    if (call.phase === "briefing") return call.handover?.answered_at ? "briefing" : "calling_manager";
    return PHASES[call.phase] ?? "wrap_up";
  }
  const lineIsUp = line === "open" || line === "reconnecting";
  if (state.assignment) return lineIsUp ? "reserved" : line === "opening" ? "opening" : "no_line";
  if (state.shift?.on_break) return "on_break";
  if (lineIsUp) return "ready";
  return line === "opening" ? "opening" : "no_line";
}

/** The one thing to do now. While a call is dialled or talked there is none, unless the line was lost: Enter never hangs up. */
export function primaryOf(mode: Mode, line: LineState): Action | undefined {
  if (IN_CALL.includes(mode) && isDown(line)) return "open_line";
  const primary: Partial<Record<Mode, Action>> = {
    no_line: "open_line",
    on_break: "resume",
    ready: "next",
    reserved: "dial",
    briefing: "complete",
    handed_over: "save_next",
    wrap_up: "save_next",
  };
  return primary[mode];
}

const IN_CALL: readonly Mode[] = ["dialling", "ringing", "early", "talking", "on_hold", "calling_manager", "briefing"];
const WITH_CONTACT: readonly Mode[] = ["talking", "on_hold"];
const WITH_ANSWERED: readonly Mode[] = [...WITH_CONTACT, "calling_manager", "briefing"];
const WITH_WORKSHEET: readonly Mode[] = ["reserved", ...IN_CALL, "handed_over", "wrap_up"];

const isDown = (line: LineState) => line === "closed" || line === "taken_over";

const POSSIBLE: Record<Action, (mode: Mode, state: ConsoleState, line: LineState) => boolean> = {
  open_line: (_mode, _state, line) => isDown(line),
  resume: (mode) => mode === "on_break",
  next: (mode) => mode === "ready",
  dial: (mode) => mode === "reserved",
  skip: (mode, state) => mode === "reserved" || (mode === "no_line" && state.assignment !== null),
  hang_up: (mode) => IN_CALL.includes(mode),
  transfer: (mode, state) =>
    mode === "briefing" || (WITH_CONTACT.includes(mode) && (state.campaign?.has_managers ?? false)),
  complete: (mode) => mode === "briefing",
  take_back: (mode) => mode === "calling_manager" || mode === "briefing",
  mute: (_mode, _state, line) => line === "open" || line === "reconnecting",
  hold: (mode) => WITH_CONTACT.includes(mode),
  keypad: (mode) => ["early", "talking", "briefing"].includes(mode),
  record: (mode, state) => WITH_ANSWERED.includes(mode) && canChange(state.call?.recording),
  notes: (mode) => WITH_WORKSHEET.includes(mode),
  break: (mode) => ["ready", "on_break", "no_line"].includes(mode),
  add_contact: (_mode, state) => state.campaign !== null,
  save_next: (mode) => mode === "wrap_up" || mode === "handed_over",
  end_shift: (mode) => ["ready", "on_break", "no_line", "reserved"].includes(mode),
  help: () => true,
};

export function isPossible(action: Action, mode: Mode, state: ConsoleState, line: LineState): boolean {
  return POSSIBLE[action](mode, state, line);
}

export const ACTIONS = Object.keys(POSSIBLE) as Action[];

/** The moment that the strip's timer counts from, milliseconds since the epoch; undefined: no timer. */
export function timerStart(mode: Mode, state: ConsoleState): number | undefined {
  const call = state.call;
  const at = (moment: string | null | undefined) => (moment ? Date.parse(moment) : undefined);
  switch (mode) {
    case "on_break":
      return at(state.shift?.break_began_at);
    case "dialling":
      return at(call?.dialled_at);
    case "ringing":
    case "early":
      return at(call?.ringing_at ?? call?.dialled_at);
    case "talking":
    case "on_hold":
      return at(call?.answered_at);
    case "calling_manager":
      return at(call?.handover?.rang_at);
    case "briefing":
      return at(call?.handover?.answered_at);
    case "handed_over":
    case "wrap_up":
      return at(call?.operator_left_at ?? call?.ended_at);
    default:
      return undefined;
  }
}
