// The readiness check: microphone, echo, line and browser before the first call of a day. Each result is said once.
import { meterShare } from "../../line/level.ts";
import { Line, troubleOf } from "../../line/line.ts";
import type { Quality } from "../../line/quality.ts";
import { audioContext } from "../../line/sounds.ts";
import { byId } from "../../net/parts.ts";
import { post, Refusal } from "../../net/post.ts";
import { loadTexts, readJson, say } from "../../net/texts.ts";
import type { Code, Finding, LineFigures } from "../judge.ts";
import * as judge from "../judge.ts";
import { Listening } from "../listening.ts";

const QUIET_MS = 3000;
const SPEAK_MS = 5000;
const LINE_MS = 10_000;
const TIMER_MS = 100;
const MICROPHONE = "hearthline.microphone"; // the same choice as the console's
const CHECKED = "hearthline.checked"; // the microphone of the last check on this device

interface Urls {
  open_line: string;
  close_line: string;
  keep: string;
}

loadTexts("texts");
const urls = readJson<Urls>("urls");
const start = byId<HTMLButtonElement>("ready-start");
const choice = byId<HTMLSelectElement>("ready-microphone");
const meter = byId<HTMLMeterElement>("ready-level");
const trouble = byId("ready-trouble");
const findings: Finding[] = [];

function announce(sentence: string): void {
  byId("ready-now").textContent = sentence;
}

function unit(finding: Finding): string {
  return finding.value === null ? "" : say(`value_${finding.code}`, { value: finding.value });
}

function show(...found: Finding[]): void {
  const said = [];
  for (const finding of found) {
    findings.push(finding);
    const item = byId(`item-${finding.code}`);
    item.dataset["state"] = finding.state;
    const mark = item.querySelector<HTMLElement>("[data-mark]");
    const remedy = item.querySelector<HTMLElement>("[data-remedy]");
    const value = item.querySelector<HTMLElement>("[data-value]");
    const tone = { good: "good", fair: "warn", bad: "bad", unknown: "off" }[finding.state];
    if (mark) {
      mark.className = `state state-${tone}`;
      mark.textContent = say(`state_${finding.state}`);
    }
    if (value) value.textContent = unit(finding);
    const words = finding.state === "good" ? "" : say(`remedy_${finding.code}_${finding.state}`);
    if (remedy) {
      remedy.textContent = words;
      remedy.hidden = words === "";
    }
    const title = item.querySelector("[data-title]")?.textContent ?? "";
    said.push(`${title}: ${say(`state_${finding.state}`)}. ${words}`.trim());
  }
  byId("ready-said").textContent = said.join(" ");
}

function missing(): string[] {
  const wanted = ["RTCPeerConnection", "AudioContext", "EventSource", "crypto"].filter((name) => !(name in window));
  return "mediaDevices" in navigator ? wanted : [...wanted, "getUserMedia"];
}

async function showDevices(current: string): Promise<void> {
  const devices = (await navigator.mediaDevices.enumerateDevices()).filter((one) => one.kind === "audioinput");
  choice.replaceChildren(
    ...devices.map(({ label, deviceId }, n) => {
      const name = label || say("microphone_n", { n: n + 1 });
      return new Option(name, deviceId, false, deviceId === current);
    }),
  );
  choice.disabled = devices.length === 0;
}

async function sound(): Promise<void> {
  audioContext();
  const listening = await Listening.begin(choice.value || (localStorage.getItem(MICROPHONE) ?? undefined));
  const level = (db: number) => {
    meter.value = meterShare(db);
  };
  try {
    await showDevices(listening.deviceId);
    localStorage.setItem(CHECKED, listening.deviceId);
    announce(say("now_quiet"));
    const room = await listening.levels(QUIET_MS, level);
    show(judge.noise(room));
    announce(say("now_tone"));
    show(judge.echo(await listening.echo()));
    announce(say("now_speak"));
    const speech = await listening.levels(SPEAK_MS, level);
    show(judge.voice(speech, judge.quantile(room, 0.2) ?? -100));
  } finally {
    listening.stop();
    meter.value = 0;
  }
}

/** A real line to the node that the exchange chooses now, for ten seconds; and how late timers are meanwhile. */
async function overLine(): Promise<void> {
  const figures = { roundTripMs: [] as number[], jitterMs: [] as number[], lossPercent: [] as number[] };
  let refusal = "";
  const line = new Line(byId<HTMLAudioElement>("voice"), {
    open: (offer, existing) => post(urls.open_line, { offer, line: existing }),
    close: async (id) => {
      // a refusal: the switch has heard the goodbye sooner and closed it
      await post(urls.close_line, { line: id }, { keepalive: true }).catch(() => undefined);
    },
    state: () => undefined,
    microphone: () => undefined,
    trouble: (kind) => {
      refusal = say(`trouble_${kind}`);
    },
    failed: (error) => {
      refusal = error.message;
    },
    quality: (quality) => note(figures, quality),
  });
  announce(say("now_line"));
  await line.open(choice.value || undefined);
  try {
    if (line.state === "open") show(...judge.line(await measured(figures)), judge.timers(await lateness));
  } finally {
    await line.close();
  }
  if (refusal) throw new Refusal({ code: "line", message: refusal }, true);
}

let lateness: Promise<number> = Promise.resolve(0);

function note(figures: { [K in keyof LineFigures]: number[] }, quality: Quality): void {
  if (quality.roundTripMs !== undefined) figures.roundTripMs.push(quality.roundTripMs);
  figures.jitterMs.push(quality.jitterMs);
  figures.lossPercent.push(quality.lossPercent);
}

async function measured(figures: LineFigures): Promise<LineFigures> {
  lateness = new Promise((resolve) => {
    let last = performance.now();
    let latest = 0;
    const end = last + LINE_MS;
    const timer = window.setInterval(() => {
      const now = performance.now();
      latest = Math.max(latest, now - last - TIMER_MS);
      last = now;
      if (now < end) return;
      window.clearInterval(timer);
      resolve(latest);
    }, TIMER_MS);
  });
  await lateness;
  return figures;
}

async function check(): Promise<void> {
  busy(true);
  trouble.textContent = "";
  findings.length = 0;
  const absent = missing();
  show(judge.browser(navigator.userAgent, absent));
  try {
    if (absent.length > 0) throw new Refusal({ code: "browser", message: say("trouble_insecure") }, true);
    await sound();
    await overLine();
  } catch (error) {
    trouble.textContent = error instanceof Refusal ? error.message : say(`trouble_${troubleOf(error)}`);
  }
  await keep();
  busy(false);
  start.textContent = say("again");
}

/** What was not reached is kept as not measured: the exchange has the whole list each time. */
async function keep(): Promise<void> {
  const items = judge.CODES.map(
    (code: Code) => findings.find((one) => one.code === code) ?? { code, state: "unknown", value: null },
  );
  try {
    const { sentence } = await post<{ sentence: string }>(urls.keep, { items });
    announce(sentence);
    const go = byId("ready-go");
    go.hidden = false;
    start.classList.replace("btn-primary", "btn-quiet"); // one thing to do next
    document.getElementById("ready-skip")?.remove();
    go.focus();
    document.getElementById("ready-skip")?.remove();
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    announce("");
    trouble.textContent = error.message;
  }
}

/** The button keeps the focus while the check runs: a disabled one would lose it. */
function busy(on: boolean): void {
  start.setAttribute("aria-disabled", String(on));
}

start.addEventListener("click", () => {
  if (start.getAttribute("aria-disabled") !== "true") void check();
});
choice.addEventListener("change", () => localStorage.setItem(MICROPHONE, choice.value));
