// The manager's page: rings, answers, briefs, talks. The same page serves a guest whose link opened one hand-over.
import { EventStream, type ExchangeEvent } from "../../events/stream.ts";
import { leaveField, listen } from "../../keys/bindings.ts";
import { LimitWarning } from "../../line/limit.ts";
import { Line } from "../../line/line.ts";
import { LinePanel, troubleSentence } from "../../line/panel.ts";
import {
  isTelephone,
  type OpenLine,
  type OwnLine,
  type PersonLine,
  PhoneLine,
  phoneInstruction,
  ringsByItself,
  toldOfTelephone,
} from "../../line/phone.ts";
import { audioContext, play } from "../../line/sounds.ts";
import { byId } from "../../net/parts.ts";
import { get, post, Refusal } from "../../net/post.ts";
import { has, loadTexts, readJson, say } from "../../net/texts.ts";
import * as desk from "../desk.ts";
import { currentOf, endingOf, type HandOver, isElsewhere, type ManagerState, type Mode, modeOf } from "../state.ts";

interface Settings {
  guest: boolean;
  events: string;
  addresses: Record<string, string>;
}

const RING_EVERY_MS = 2_000;
const NOTES_PAUSE_MS = 600;
const OWN_LINE = "hearthline.line";

loadTexts("texts");
const settings = readJson<Settings>("settings");
const notes = byId<HTMLTextAreaElement>("notes");
const notesState = byId("notes-state");
const muteButton = byId<HTMLButtonElement>("mute");
const pageTitle = document.title;

let handover: HandOver | undefined;
let ending = "";
let mode: Mode = "entering";
let shownNotesOf = "";
let answerWhenOpen = false; // the hand-over is answered as soon as the telephone is
let stream: EventStream | undefined;
let clockSkewMs = 0;
let refreshing: Promise<void> | undefined;
let refreshAgain = false;
let moving: Promise<void> | undefined;

/** This tab's line, also after a reload; one that is open on another page is left there until it is asked for here. */
function ownLine(state: Partial<ManagerState>): string {
  return state.line && state.line.id === sessionStorage.getItem(OWN_LINE) ? state.line.id : "";
}

const address = (name: string): string => settings.addresses[name] ?? "";

const linePanel = new LinePanel(
  (device) => void line.useMicrophone(device),
  (silent) => desk.trouble(silent ? say("trouble_silent") : ""),
);
const first = readJson<Partial<ManagerState>>("state");
const own: OwnLine = first.own_line ?? { kind: "browser" }; // a guest's state is known only later; theirs is the browser
let ownNow = own; // its price and registration change
let ringing: OpenLine | null = first.line ?? null; // the telephone that is rung, with its code, or is open

const phone = isTelephone(own, first.line)
  ? new PhoneLine({
      ring: () => post(address("open_phone_line"), {}),
      close: (id) => post<void>(address("close_line"), { line: id }, { keepalive: true }),
      mute: (id, on) => post<void>(address("mute_line"), { line: id, on }),
      rings: (rung) => {
        ringing = rung;
        void refresh();
      },
      state: (state) => {
        desk.limit("");
        mutedOrNot();
        render();
        if (state === "open" && answerWhenOpen) void answer();
        if (state !== "opening") answerWhenOpen = false;
      },
      muted: (on) => {
        mutedOrNot();
        desk.announce(say(on ? "said_phone_muted" : "said_phone_unmuted"), false);
      },
      failed: (refusal) => desk.trouble(refusal.message),
    })
  : undefined;
const limit = new LimitWarning();
if (phone) linePanel.telephone(own);

const browserLine = (): Line =>
  new Line(
    byId<HTMLAudioElement>("voice"),
    {
      open: (offer, existing) => post(address("open_line"), { offer, line: existing }),
      close: (id) => post<void>(address("close_line"), { line: id }, { keepalive: true }),
      state: (state, { moved }) => {
        linePanel.state(state, line.muted);
        if (state === "open") {
          sessionStorage.setItem(OWN_LINE, line.id);
          desk.trouble("");
        }
        render();
        if (moved) desk.announce(say("line_moved"), false);
      },
      microphone: (media) => void linePanel.microphone(media),
      trouble: (kind) => desk.trouble(troubleSentence(kind)),
      failed: (refusal) => desk.trouble(refusal.message),
      quality: (quality) => linePanel.measured(quality),
    },
    ownLine(first),
  );
const browser = phone ? undefined : browserLine();
const line: PersonLine = (phone ?? browser) as PersonLine;

// --- what is shown ---------------------------------------------------------------------------------------------------

function render(): void {
  const before = mode;
  mode = modeOf(handover, line.state, ending);
  const instruction = phone && mode === "opening" ? phoneInstruction(own, ringing) : "";
  desk.show({ mode, handover, ending, guest: settings.guest, own: ownNow, instruction });
  desk.tick(mode, handover, Date.now() + clockSkewMs);
  if (handover && shownNotesOf !== handover.id) {
    shownNotesOf = handover.id;
    notes.value = handover.manager_notes;
    notesState.textContent = "";
  }
  if (mode !== before) changed(before);
}

function changed(before: Mode): void {
  document.title = mode === "ringing" ? `${say("title_rings")} · ${pageTitle}` : pageTitle;
  const hint = byId("desk-hint").textContent ?? "";
  desk.announce(`${say(`mode_${mode}`)}. ${hint}`, mode === "ringing" || mode === "over");
  if (mode === "ringing") notifyOutside();
  if (mode === "over" && before !== "over") play("ended");
  if (mode === "talking") play("answered");
}

function notifyOutside(): void {
  if (!("Notification" in window) || Notification.permission !== "granted" || document.hasFocus()) return;
  const note = new Notification(say("notification"), { body: handover?.campaign.name ?? "", tag: "handover" });
  note.onclick = () => {
    window.focus();
    note.close();
  };
}

function take(state: ManagerState): void {
  clockSkewMs = state.now * 1000 - Date.now();
  ringing = state.line;
  ownNow = state.own_line;
  phone?.sync(state.line);
  if (phone) linePanel.telephone(state.own_line);
  const current = currentOf(state);
  if (browser && current && isElsewhere(current, state.line) && state.line?.id === line.id)
    moving ??= moveLine(browser);
  if (current) {
    if (current.id !== handover?.id) ending = "";
    handover = current;
  } else if (!ending && handover && mode !== "waiting" && mode !== "off") {
    ending = "ended"; // it ended while this page was away
  }
  render();
}

/** A call's legs are on one switch: while it rings, a line that is open on another node is opened anew on the call's. */
async function moveLine(former: Line): Promise<void> {
  await former.move();
  moving = undefined;
}

/** Read the whole state again; calls made meanwhile are answered by one more reading. */
async function refresh(): Promise<void> {
  if (refreshing) {
    refreshAgain = true;
    return refreshing;
  }
  refreshing = (async () => {
    do {
      refreshAgain = false;
      try {
        take(await get<ManagerState>(address("state")));
      } catch (error) {
        report(error);
      }
    } while (refreshAgain);
  })();
  await refreshing;
  refreshing = undefined;
}

function heard(event: ExchangeEvent): void {
  const payload = event.payload as {
    handover?: string;
    attempt?: string;
    line?: string;
    reason?: string;
    fields?: object;
    notes?: string;
  };
  if (event.name.startsWith("handover.")) {
    const end = endingOf(event.name);
    if (end && payload.handover === handover?.id) {
      ending = end;
      render();
    } else if (!end) {
      void refresh();
    }
  } else if (event.name === "draft.saved" && handover && payload.attempt === handover.attempt) {
    handover.draft = { fields: { ...payload.fields }, notes: payload.notes ?? "" };
    desk.showDraft(handover);
  } else if (event.name === "phone.changed") {
    void refresh();
  } else if (phone && event.name === "line.ringing" && ringsByItself(payload.reason ?? "")) {
    phone.rang(payload.line ?? "");
    desk.trouble(say(`rings_${payload.reason}`));
    void refresh();
  } else if (phone ? phone.isOrWas(payload.line) : payload.line === line.id && line.id && line.state !== "opening") {
    if (phone) toldOfTelephone(event.name, phone);
    if (phone && event.name === "line.opened") {
      desk.trouble("");
      void refresh(); // with when it ends
    } else if (phone && event.name === "line.closed") phoneEnded(phone, event);
    else if (event.name === "line.leaving") void browser?.move();
    else if (event.name === "line.taken_over") {
      line.takenOver();
      desk.trouble(say("trouble_taken_over"));
    } else if (event.name === "line.closed" && browser && event.payload["reason"] === "node_lost") void browser.again();
    else if (event.name === "line.closed") line.gone();
  }
}

function phoneEnded(telephone: PhoneLine, event: ExchangeEvent): void {
  const reason = String((event.payload as { reason?: string }).reason ?? "");
  telephone.gone();
  if (reason !== "by_person") desk.trouble(has(`gone_${reason}`) ? say(`gone_${reason}`) : say("gone"));
  void refresh();
}

function report(error: unknown): void {
  if (!(error instanceof Refusal)) throw error;
  if (error.message) desk.trouble(error.message);
}

// --- what is done ----------------------------------------------------------------------------------------------------

async function send(name: string, body: object): Promise<void> {
  desk.trouble("");
  try {
    await post(address(name), body);
    await refresh();
  } catch (error) {
    report(error);
  }
}

async function openLine(): Promise<boolean> {
  desk.trouble("");
  audioContext();
  if (phone) {
    await phone.open();
    return phone.state === "open"; // else it rings now
  }
  if ("Notification" in window && Notification.permission === "default") void Notification.requestPermission();
  if (line.state !== "open") await line.open(linePanel.preferred);
  return line.state === "open";
}

async function answer(): Promise<void> {
  const waiting = handover;
  await moving;
  answerWhenOpen = waiting !== undefined && phone !== undefined && phone.state !== "open";
  if (waiting && (await openLine())) await sendAnswer({ handover: waiting.id, line: line.id });
}

async function sendAnswer(body: { handover: string; line: string }): Promise<void> {
  desk.trouble("");
  try {
    await post(address("answer"), body);
  } catch (error) {
    if (!(error instanceof Refusal) || error.code !== "line_elsewhere") return report(error);
    if (phone && ownNow.kind === "callback") return answerElsewhere(phone);
    if (!browser) return report(error);
    await browser.move();
    return send("answer", { ...body, line: line.id });
  }
  await refresh();
}

/** A call's legs are on one switch: a telephone that another node has is rung by the call's, and answers by its key. */
async function answerElsewhere(telephone: PhoneLine): Promise<void> {
  desk.trouble(say("rings_moved"));
  answerWhenOpen = true;
  await telephone.reopen();
}

function primary(): void {
  if (mode === "off") void openLine();
  else if (mode === "waiting") void line.close();
  else if (mode === "ringing") void answer();
  else if (mode === "over" && !settings.guest) {
    ending = "";
    handover = undefined;
    render();
    void refresh();
  }
}

function act(action: string): void {
  if (action === "decline" && mode === "ringing" && handover) void send("decline", { handover: handover.id });
  else if (action === "hang_up" && handover && mode === "briefing") void send("decline", { handover: handover.id });
  else if (action === "hang_up" && handover && mode === "talking") void send("hang_up", { handover: handover.id });
  else if (action === "mute" && (mode === "briefing" || mode === "talking")) {
    void mute();
  }
}

async function mute(): Promise<void> {
  try {
    await line.setMuted(!line.muted);
  } catch (error) {
    report(error);
  }
  mutedOrNot();
}

function mutedOrNot(): void {
  muteButton.setAttribute("aria-pressed", String(line.muted));
  linePanel.state(line.state, line.muted);
}

let notesTimer = 0;
notes.addEventListener("input", () => {
  window.clearTimeout(notesTimer);
  notesTimer = window.setTimeout(() => void saveNotes(), NOTES_PAUSE_MS);
});

async function saveNotes(): Promise<void> {
  if (!handover) return;
  try {
    await post(address("notes"), { handover: handover.id, notes: notes.value });
    notesState.textContent = say("notes_saved");
  } catch (error) {
    report(error);
  }
}

byId("primary").addEventListener("click", primary);
byId("decline").addEventListener("click", () => act("decline"));
byId("hang-up").addEventListener("click", () => act("hang_up"));
muteButton.addEventListener("click", () => act("mute"));
// Single keys can be switched off on this device (WCAG 2.2, 2.1.4); Enter and Esc stay.
const keysOn = byId<HTMLInputElement>("keys-on");
const KEYS_PREFERENCE = "hearthline.keys";
let unlisten = (): void => undefined;

function bindKeys(): void {
  unlisten();
  unlisten = listen(
    { decline: "Escape", hang_up: "KeyH", mute: "KeyM" },
    !keysOn.checked,
    { action: act, disposition: () => undefined, primary, save: () => void saveNotes(), help: () => undefined },
    ["decline"],
  );
  for (const mark of document.querySelectorAll<HTMLElement>("kbd[data-single]")) mark.hidden = !keysOn.checked;
}

keysOn.checked = localStorage.getItem(KEYS_PREFERENCE) !== "off";
keysOn.addEventListener("change", () => {
  localStorage.setItem(KEYS_PREFERENCE, keysOn.checked ? "on" : "off");
  bindKeys();
});
bindKeys();
window.addEventListener("keydown", leaveField);
window.setInterval(() => {
  const now = Date.now() + clockSkewMs;
  desk.tick(mode, handover, now);
  const warning = phone ? limit.due(ringing, now) : "";
  if (warning) {
    desk.limit(warning);
    play("attention");
  }
}, 500);
window.setInterval(() => {
  if (mode === "ringing") play("ring");
}, RING_EVERY_MS);

// --- the beginning ---------------------------------------------------------------------------------------------------

async function begin(): Promise<void> {
  let state = readJson<ManagerState>("state");
  if (settings.guest) {
    try {
      const token = window.location.hash.slice(1);
      state = token ? await post<ManagerState>(address("enter"), { token }) : await get<ManagerState>(address("state"));
      window.history.replaceState(null, "", window.location.pathname);
    } catch (error) {
      report(error);
      return;
    }
  }
  take(state);
  stream = new EventStream(settings.events, state.last_event, {
    event: heard,
    reset: () => void refresh(),
    connection: (up) => desk.trouble(up ? "" : say("trouble_stream")),
    ended: (reason) => desk.trouble(say(`trouble_${reason}`)),
  });
  window.addEventListener("pagehide", () => stream?.close());
  // after a reload the line, and a conversation on it, come back by themselves; a guest's state is known only now
  if (!phone) {
    line.id ||= ownLine(state);
    if (line.id) void openLine();
  }
  render();
}

void begin();
