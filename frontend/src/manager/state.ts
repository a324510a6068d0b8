// What the manager's page knows, as `calls.selectors.manager_state` and `guest_state` give it, and which mode that is.
import type { LineState } from "../line/line.ts";
import type { OpenLine, OwnLine } from "../line/phone.ts";

export interface Column {
  key: string;
  title: string;
  value: string;
}

export interface HandOver {
  id: string;
  state: string;
  rang_at: string | null;
  answered_at: string | null;
  completed_at: string | null;
  attempt: string;
  node: string;
  campaign: { id: string; name: string };
  operator_name: string;
  contact: { id: string; name: string; timezone: string; columns: Column[] };
  draft: { fields: Record<string, unknown>; notes: string };
  fields: { key: string; title: string; kind: string }[];
  manager_notes: string;
}

export interface ManagerState {
  last_event: number;
  now: number;
  line: OpenLine | null;
  own_line: OwnLine;
  handovers: HandOver[];
}

export type Mode = "entering" | "off" | "opening" | "waiting" | "ringing" | "briefing" | "talking" | "over";

/** How a hand-over ended, by the event that said so; undefined while it goes on. */
export function endingOf(event: string): string | undefined {
  const ended = /^handover\.(unanswered|cancelled|declined|contact_gone|failed|ended)$/.exec(event);
  return ended?.[1];
}

/** The hand-over that matters now: the one that is answered, else the latest that rings. */
export function currentOf(state: ManagerState): HandOver | undefined {
  return state.handovers.find((handover) => handover.answered_at) ?? state.handovers[0];
}

/** Whether a line must be opened anew before this hand-over can be answered with it. */
export function isElsewhere(handover: HandOver, line: ManagerState["line"]): boolean {
  return handover.state === "ringing" && line !== null && line.node !== handover.node;
}

export function modeOf(handover: HandOver | undefined, line: LineState, ending: string): Mode {
  if (ending) return "over";
  if (handover) {
    if (handover.state === "completed") return "talking";
    if (handover.state === "briefing") return "briefing";
    return line === "opening" ? "opening" : "ringing";
  }
  if (line === "opening") return "opening";
  return line === "open" || line === "reconnecting" ? "waiting" : "off";
}

/** When the clock on the strip began, in milliseconds since the epoch; undefined where there is none. */
export function timerStart(handover: HandOver | undefined, mode: Mode): number | undefined {
  const began: Partial<Record<Mode, string | null | undefined>> = {
    ringing: handover?.rang_at,
    briefing: handover?.answered_at,
    talking: handover?.completed_at,
  };
  const moment = began[mode];
  return moment ? Date.parse(moment) : undefined;
}
