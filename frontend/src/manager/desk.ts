// The desk as it is seen: the strip with its one primary action, the contact, what the operator has written.

import type { OwnLine } from "../line/phone.ts";
import { sayAloud } from "../net/aloud.ts";
import { byId } from "../net/parts.ts";
import { clock, has, say } from "../net/texts.ts";
import type { HandOver, Mode } from "./state.ts";
import { timerStart } from "./state.ts";

const panel = document.querySelector<HTMLElement>(".desk");
const parts = {
  mode: byId("desk-mode"),
  timer: byId("desk-timer"),
  hint: byId("desk-hint"),
  who: byId("desk-who"),
  name: byId("contact-name"),
  time: byId("contact-time"),
  campaign: byId("contact-campaign"),
  primary: byId<HTMLButtonElement>("primary"),
  label: byId("primary-label"),
  decline: byId("decline"),
  hangUp: byId("hang-up"),
  mute: byId("mute"),
  sheet: byId("desk-sheet"),
  about: byId("about"),
  aboutPanel: byId("about-panel"),
  written: byId("written"),
  writtenNotes: byId("written-notes"),
  trouble: byId("trouble"),
  limit: byId("limit"),
  polite: byId("announce"),
  urgent: byId("announce-urgent"),
};

export interface Shown {
  mode: Mode;
  handover: HandOver | undefined;
  ending: string;
  guest: boolean;
  own: OwnLine;
  /** What to do with the telephone that rings; empty when none does. */
  instruction: string;
}

export function show({ mode, handover, ending, guest, own, instruction }: Shown): void {
  if (panel) panel.dataset.mode = mode;
  parts.mode.textContent = say(`mode_${mode}`);
  parts.hint.textContent = instruction || hintOf(mode, handover, ending, guest, own);
  parts.label.textContent = say(`primary_${mode}`);
  parts.primary.hidden = mode === "over" && guest;
  parts.primary.disabled = mode === "opening" || mode === "entering";
  parts.primary.classList.toggle("btn-primary", mode !== "waiting" && mode !== "talking" && mode !== "briefing");
  parts.primary.classList.toggle("btn-quiet", mode === "waiting" || mode === "briefing" || mode === "talking");
  parts.decline.hidden = mode !== "ringing";
  parts.hangUp.hidden = mode !== "talking" && mode !== "briefing";
  parts.mute.hidden = parts.hangUp.hidden;
  // in a conversation Enter does nothing by accident: its key is h, and the button stands beside
  parts.primary.hidden ||= mode === "talking" || mode === "briefing";
  const known = handover !== undefined && mode !== "off" && mode !== "waiting";
  parts.who.hidden = !known;
  parts.sheet.hidden = !known;
  if (handover && known) showContact(handover);
}

export function tick(mode: Mode, handover: HandOver | undefined, nowMs: number): void {
  const start = timerStart(handover, mode);
  parts.timer.textContent = start === undefined ? "" : clock((nowMs - start) / 1000);
}

export function showDraft(handover: HandOver): void {
  const rows = handover.fields
    .filter((field) => filled(handover.draft.fields[field.key]))
    .map((field) => [field.title, text(handover.draft.fields[field.key])] as const);
  parts.written.replaceChildren(...facts(rows));
  parts.writtenNotes.textContent = handover.draft.notes;
}

export function trouble(sentence: string): void {
  parts.trouble.textContent = sentence;
}

/** Before a telephone is hung up by the exchange; it stays while the telephone is open, whatever else happens. */
export function limit(sentence: string): void {
  parts.limit.textContent = sentence;
}

export function announce(sentence: string, urgent: boolean): void {
  sayAloud(urgent ? parts.urgent : parts.polite, sentence);
}

function showContact(handover: HandOver): void {
  parts.name.textContent = handover.contact.name || say("the_contact");
  parts.campaign.textContent = handover.campaign.name;
  const time = new Intl.DateTimeFormat(document.documentElement.lang || "en", {
    hour: "2-digit",
    minute: "2-digit",
    timeZone: handover.contact.timezone,
  }).format(new Date());
  parts.time.textContent = say("local_time", { time });
  parts.about.replaceChildren(...facts(handover.contact.columns.map((c) => [c.title, c.value] as const)));
  parts.aboutPanel.hidden = handover.contact.columns.length === 0;
  showDraft(handover);
}

function hintOf(mode: Mode, handover: HandOver | undefined, ending: string, guest: boolean, own: OwnLine): string {
  if (mode === "over") return [say(`over_${ending}`), guest ? say("over_guest") : ""].filter(Boolean).join(" ");
  if (mode === "off" && guest) return say("hint_off_guest");
  if (mode === "off" && own.registered === false) return say("sip_unregistered");
  const byPhone = `hint_${mode}_${own.kind}`;
  return say(has(byPhone) ? byPhone : `hint_${mode}`, {
    phone: own.phone ?? "",
    operator: handover?.operator_name ?? "",
    contact: handover?.contact.name || say("the_contact"),
  });
}

function facts(rows: readonly (readonly [string, string])[]): HTMLElement[] {
  return rows.flatMap(([title, value]) => {
    const term = document.createElement("dt");
    const detail = document.createElement("dd");
    term.textContent = title;
    detail.textContent = value;
    return [term, detail];
  });
}

function filled(value: unknown): boolean {
  return value !== undefined && value !== null && value !== "";
}

function text(value: unknown): string {
  if (typeof value === "boolean") return say(value ? "yes" : "no");
  return String(value);
}
