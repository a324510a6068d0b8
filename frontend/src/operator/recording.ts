// Whether the call is recorded: said in words and shown all the time, paused and resumed by one key.
import type { ExchangeEvent } from "../events/stream.ts";
import { byId } from "../net/parts.ts";
import { clock, has, say } from "../net/texts.ts";
import type { News } from "./news.ts";

export interface CallRecording {
  state: "off" | "waiting" | "on" | "paused";
  consent: "" | "read" | "played";
  /** When a paused recording goes on by itself, seconds since the epoch. */
  paused_until: number | null;
}

const STATES = ["off", "waiting", "on", "paused"] as const;
const NONE: CallRecording = { state: "off", consent: "", paused_until: null };

/** What the event says of the recording; the page reads the rest soon after. */
export function recordingAfter(before: CallRecording | undefined, payload: Record<string, unknown>): CallRecording {
  const state = STATES.find((one) => one === payload["recording"]) ?? "off";
  const consent = payload["why"] === "not_played" ? "read" : (before?.consent ?? "");
  return { state, consent, paused_until: null };
}

/** Whether the key does anything: not before the contact was told by the exchange's own voice. */
export function canChange(recording: CallRecording | undefined): boolean {
  const { state, consent } = recording ?? NONE;
  return state === "on" || state === "paused" || (state === "waiting" && consent === "read");
}

export function recordingNews(event: ExchangeEvent): News {
  const { recording, why } = event.payload;
  const key = `recording_said_${String(why)}`;
  const own = `recording_said_${String(recording)}`;
  const sentence = has(key) ? say(key) : has(own) ? say(own) : "";
  return sentence ? { note: sentence, sound: "attention" } : {};
}

/** The mark in the strip and the button's words; `now` in milliseconds. Called at every second. */
export function showRecording(recording: CallRecording | undefined, now: number): void {
  const { state, consent, paused_until } = recording ?? NONE;
  const mark = byId("recording-mark");
  mark.hidden = state === "off";
  mark.dataset.state = state;
  const left = paused_until === null ? "" : clock(paused_until - now / 1000);
  const key = state === "waiting" ? `recording_waiting_${consent || "read"}` : `recording_${state}`;
  const text = state === "off" ? "" : say(state === "paused" && !left ? "recording_paused_now" : key, { left });
  const words = byId("recording-words");
  if (words.textContent !== text) words.textContent = text;
  const label = byId("record-label");
  const does = say(
    state === "paused" ? "record_resume" : state === "waiting" && consent === "read" ? "record_begin" : "record_pause",
  );
  if (label.textContent !== does) label.textContent = does;
}
