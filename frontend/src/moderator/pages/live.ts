// A moderator at a call that goes on: the line is opened at the call's node when it is first needed, and let go afterwards.
import { EventStream } from "../../events/stream.ts";
import { Line } from "../../line/line.ts";
import { LinePanel, troubleSentence } from "../../line/panel.ts";
import { audioContext } from "../../line/sounds.ts";
import { byId } from "../../net/parts.ts";
import { post, Refusal } from "../../net/post.ts";
import { loadTexts, readJson, say } from "../../net/texts.ts";

interface Settings {
  events: string;
  last_event: number;
  part: string;
  line: string;
  close: string;
  listen: string;
}

const REFRESH_MS = 1000;

loadTexts("texts");
const settings = readJson<Settings>("settings");
const table = byId("live");
const stop = byId<HTMLButtonElement>("stop");
const trouble = byId("trouble");

let heard = ""; // the call that is listened to
let mode = "";
let refreshTimer: number | undefined;

const panel = new LinePanel(
  (device) => void line.useMicrophone(device),
  () => undefined, // a listener may be silent
);
const line = new Line(byId<HTMLAudioElement>("voice"), {
  open: (offer, existing) => post(settings.line, { offer, line: existing, attempt: heard }),
  close: (id) => post<void>(settings.close, { line: id }, { keepalive: true }),
  state: (state) => panel.state(state, line.muted),
  microphone: (media) => void panel.microphone(media),
  trouble: (kind) => {
    trouble.textContent = troubleSentence(kind);
  },
  failed: (refusal) => {
    trouble.textContent = refusal.message;
  },
  quality: (quality) => panel.measured(quality),
});

async function listen(attempt: string, wanted: string): Promise<void> {
  trouble.textContent = "";
  audioContext();
  if (heard && heard !== attempt) await leave();
  heard = attempt;
  try {
    if (line.state !== "open") await line.open(panel.preferred);
    if (line.state !== "open") {
      heard = "";
      return;
    }
    await post(settings.listen, { attempt, line: line.id, mode: wanted });
    show(wanted);
  } catch (error) {
    await refused(error);
  }
}

async function leave(): Promise<void> {
  if (!heard) return;
  const attempt = heard;
  heard = "";
  try {
    await post(settings.listen, { attempt, line: line.id, mode: "stop" });
    await line.close();
  } catch (error) {
    if (!(error instanceof Refusal)) throw error; // call or line may have ended meanwhile, which is what was wanted
    line.gone();
  }
  show("");
  byId("announce").textContent = say("said_stop");
}

async function refused(error: unknown): Promise<void> {
  if (!(error instanceof Refusal)) throw error;
  heard = "";
  await line.close();
  show("");
  trouble.textContent = error.message;
}

function show(now: string): void {
  mode = now;
  stop.hidden = now === "";
  if (now) byId("announce").textContent = say(`said_${now}`);
  mark();
}

function mark(): void {
  for (const button of table.querySelectorAll<HTMLButtonElement>("button[data-listen]")) {
    const on = button.dataset.attempt === heard && button.dataset.listen === mode && heard !== "";
    button.setAttribute("aria-pressed", String(on));
  }
}

async function refresh(): Promise<void> {
  const answer = await fetch(settings.part, { credentials: "same-origin" });
  if (!answer.ok) return;
  const focused = document.activeElement as HTMLElement | null;
  const { attempt, listen: kind } = focused?.dataset ?? {};
  table.innerHTML = await answer.text();
  if (attempt && kind) {
    table.querySelector<HTMLElement>(`button[data-attempt="${attempt}"][data-listen="${kind}"]`)?.focus();
  }
  mark();
}

function refreshSoon(): void {
  refreshTimer ??= window.setTimeout(() => {
    refreshTimer = undefined;
    void refresh();
  }, REFRESH_MS);
}

table.addEventListener("click", (event) => {
  const button = (event.target as Element).closest<HTMLButtonElement>("button[data-listen]");
  if (button) void listen(button.dataset.attempt ?? "", button.dataset.listen ?? "");
});
stop.addEventListener("click", () => void leave());
document.addEventListener("keydown", (event) => {
  if (event.key === "Escape") void leave();
});

new EventStream(settings.events, settings.last_event, {
  event: (event) => {
    if (!event.name.startsWith("call.")) return;
    refreshSoon();
    const over = event.name === "call.ended" || event.name === "call.closed";
    if (over && heard && event.payload["attempt"] === heard) {
      heard = "";
      void line.close();
      show("");
      byId("announce").textContent = say("said_ended");
    }
  },
  reset: () => refreshSoon(),
  connection: (up) => {
    trouble.textContent = up ? "" : say("trouble_stream");
  },
  ended: (reason) => {
    trouble.textContent = say(`trouble_${reason}`);
  },
});
