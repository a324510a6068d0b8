// The strip: where the call stands, in words, for the eye and once for the ear; the primary action in one place.

import type { LineState } from "../line/line.ts";
import { isTelephone, phoneInstruction } from "../line/phone.ts";
import { play } from "../line/sounds.ts";
import { sayAloud } from "../net/aloud.ts";
import { byId } from "../net/parts.ts";
import { clock, has, money, say } from "../net/texts.ts";
import type { Action, Mode } from "./mode.ts";
import { ACTIONS, isPossible, primaryOf, timerStart } from "./mode.ts";
import { showRecording } from "./recording.ts";
import type { ConsoleState } from "./state.ts";

const TONES: Partial<Record<Mode, string>> = {
  ready: "is-ready",
  reserved: "is-ready",
  talking: "is-live",
  briefing: "is-live",
  on_hold: "is-waiting",
  dialling: "is-waiting",
  ringing: "is-waiting",
  early: "is-waiting",
  calling_manager: "is-waiting",
  handed_over: "is-writing",
  wrap_up: "is-writing",
};
const URGENT: readonly Mode[] = ["talking", "wrap_up"];
const MODE_LASTS_MS = 250;

export interface Shown {
  muted: boolean;
  line: LineState;
  breakAfter: boolean;
}

export class Strip {
  private mode: Mode | undefined;
  private state: ConsoleState | undefined;
  private clockOffsetMs = 0;
  private readonly troubles = new Map<string, HTMLElement>();
  private modeTimer: number | undefined;
  private minuteSaid = "";

  constructor() {
    window.setInterval(() => this.tick(), 1000);
    // a held Enter clicks a button again and again: once is meant
    byId("primary").addEventListener("keydown", (event) => {
      if (event.repeat && event.key === "Enter") event.preventDefault();
    });
  }

  /** The exchange's clock now, milliseconds since the epoch. */
  get now(): number {
    return Date.now() + this.clockOffsetMs;
  }

  setClock(serverSeconds: number): void {
    this.clockOffsetMs = serverSeconds * 1000 - Date.now();
  }

  show(mode: Mode, state: ConsoleState, shown: Shown): void {
    const changed = mode !== this.mode;
    this.state = state;
    this.mode = mode;
    const strip = byId("strip");
    strip.dataset.mode = mode;
    strip.className = `strip ${TONES[mode] ?? ""}`;
    if (changed) byId("strip-mode").textContent = say(`mode_${mode}`);
    this.showPrimary(mode, shown);
    this.showButtons(mode, state, shown);
    byId("idle").hidden = state.worksheet !== null;
    this.tick();
    if (changed) this.announceMode(mode);
  }

  /** A mode that lasts; one that is over at once (ready, then reserved after a saved call) would only be in the way. */
  private announceMode(mode: Mode): void {
    window.clearTimeout(this.modeTimer);
    const tell = () => {
      if (this.state) this.announce(`${say(`mode_${mode}`)}. ${this.hint(mode, this.state)}`, URGENT.includes(mode));
    };
    if (URGENT.includes(mode)) tell();
    else this.modeTimer = window.setTimeout(tell, MODE_LASTS_MS);
  }

  announce(sentence: string, urgent = false): void {
    sayAloud(byId(urgent ? "announce-urgent" : "announce"), sentence);
  }

  focusPrimary(): void {
    byId("primary").focus({ preventScroll: true });
  }

  /** What happened, beside the strip; it stays until something else happens. */
  note(sentence: string, urgent = false): void {
    byId("note").textContent = sentence;
    if (sentence) this.announce(sentence, urgent);
  }

  /** What is wrong, with the remedy. One sentence per kind; `undefined` takes it away. */
  trouble(kind: string, text?: string, remedy?: { label: string; run: () => void }): void {
    const before = this.troubles.get(kind);
    if (text && before?.dataset.text === text) return; // it stands there, and was said
    before?.remove();
    this.troubles.delete(kind);
    if (!text) return;
    const line = troubleLine(text, remedy);
    this.troubles.set(kind, line);
    byId("trouble").append(line);
  }

  clearTroubles(except: readonly string[]): void {
    for (const kind of [...this.troubles.keys()]) if (!except.includes(kind)) this.trouble(kind);
  }

  lineTone(state: LineState): void {
    byId("strip").dataset.line = state;
  }

  private showPrimary(mode: Mode, shown: Shown): void {
    const action = primaryOf(mode, shown.line);
    const button = byId<HTMLButtonElement>("primary");
    const place = byId("strip-mode"); // what is happening: a button that goes leaves the focus there and finds it there again
    if (!action && document.activeElement === button) place.focus({ preventScroll: true });
    button.classList.toggle("is-absent", !action);
    button.disabled = !action;
    byId("hang-up").classList.toggle("is-absent", action !== undefined); // the same place: one of the two at a time
    const key = action === "save_next" && shown.breakAfter ? "save_break" : action;
    byId("primary-label").textContent = key ? say(`primary_${key}`) : "";
    if (action && document.activeElement === place) this.focusPrimary();
  }

  private showButtons(mode: Mode, state: ConsoleState, shown: Shown): void {
    for (const action of ACTIONS) {
      for (const button of document.querySelectorAll<HTMLButtonElement>(`button[data-action="${action}"]`)) {
        const possible = action === "break" || isPossible(action, mode, state, shown.line);
        if (button.disabled === possible) button.disabled = !possible;
      }
    }
    press("mute", shown.muted);
    press("hold", mode === "on_hold");
    press("break", mode === "on_break" || shown.breakAfter);
  }

  private hint(mode: Mode, state: ConsoleState): string {
    const manager = state.call?.handover?.manager_name || say("a_manager");
    const most = state.call?.max_duration_s ?? 0;
    const start = timerStart(mode, state);
    const spent = start === undefined ? 0 : (this.now - start) / 1000;
    const lease = state.assignment ? (Date.parse(state.assignment.lease_expires_at) - this.now) / 1000 : 0;
    const left = mode === "reserved" ? clock(lease) : clock(most - spent);
    if (mode === "opening" && isTelephone(state.own_line, state.line)) {
      return phoneInstruction(state.own_line, state.line);
    }
    if (mode === "no_line" && state.own_line.registered === false) return say("sip_unregistered");
    const own = `hint_${mode}_${state.own_line.kind}`;
    const key = has(own) ? own : `hint_${mode}`;
    return has(key) ? say(key, { manager, most: clock(most), left, phone: state.own_line.phone ?? "" }) : "";
  }

  private tick(): void {
    const { mode, state } = this;
    if (!mode || !state) return;
    const start = timerStart(mode, state);
    byId("strip-timer").textContent = start === undefined ? "" : clock((this.now - start) / 1000);
    const hint = byId("strip-hint");
    const sentence = this.hint(mode, state);
    if (hint.textContent !== sentence) hint.textContent = sentence;
    if (state.shift) {
      byId("shift-clock").textContent = clock((this.now - Date.parse(state.shift.started_at)) / 1000);
      byId("shift-earned").textContent = money(state.shift.earned_minor, state.shift.currency);
      byId("shift-calls").textContent = String(state.shift.calls);
    }
    this.warnOfLastMinute(mode, state, start);
    showRecording(state.call?.recording, this.now);
    showLocalTimes(this.now);
  }

  private warnOfLastMinute(mode: Mode, state: ConsoleState, start: number | undefined): void {
    if (mode !== "talking" || start === undefined || !state.call) return;
    const left = state.call.max_duration_s - (this.now - start) / 1000;
    if (left > 60 || state.call.max_duration_s <= 90 || this.minuteSaid === state.call.attempt) return;
    this.minuteSaid = state.call.attempt;
    this.note(say("minute_left"), true);
    play("attention");
  }
}

function troubleLine(text: string, remedy?: { label: string; run: () => void }): HTMLElement {
  const line = document.createElement("p");
  line.dataset.text = text;
  line.textContent = text;
  if (remedy) {
    const button = document.createElement("button");
    button.type = "button";
    button.className = "btn btn-quiet";
    button.textContent = remedy.label;
    button.addEventListener("click", remedy.run);
    line.append(" ", button);
  }
  return line;
}

function press(action: Action, on: boolean): void {
  for (const button of document.querySelectorAll(`button[data-action="${action}"]`)) {
    const now = String(on);
    if (button.getAttribute("aria-pressed") !== now) button.setAttribute("aria-pressed", now);
  }
}

function showLocalTimes(now: number): void {
  for (const element of document.querySelectorAll<HTMLTimeElement>("time[data-zone]")) {
    const zone = element.dataset.zone ?? "UTC";
    const text = new Date(now).toLocaleTimeString("en-GB", { hour: "2-digit", minute: "2-digit", timeZone: zone });
    if (element.textContent !== text) element.textContent = text;
  }
}
