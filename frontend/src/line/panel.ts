// The line as the person sees it: its state, the microphone's choice and level, the quality, and what to do when it fails.
import { byId } from "../net/parts.ts";
import { say } from "../net/texts.ts";
import { LevelMeter, meterShare } from "./level.ts";
import type { LineState, MicrophoneTrouble } from "./line.ts";
import { type OwnLine, phoneWords } from "./phone.ts";
import type { Quality } from "./quality.ts";
import { isPoor } from "./quality.ts";

const MICROPHONE = "hearthline.microphone";

export class LinePanel {
  private meter: LevelMeter | undefined;
  private readonly mark = byId("line-state");
  private readonly bar = byId<HTMLMeterElement>("line-level");
  private readonly quality = byId("line-quality");
  private readonly select = byId<HTMLSelectElement>("line-microphone");
  private byPhone = false;

  constructor(
    chooseMicrophone: (deviceId: string) => void,
    private readonly silence: (silent: boolean) => void,
  ) {
    this.select.addEventListener("change", () => {
      localStorage.setItem(MICROPHONE, this.select.value);
      chooseMicrophone(this.select.value);
    });
  }

  /** The microphone chosen on this device before. */
  get preferred(): string | undefined {
    return localStorage.getItem(MICROPHONE) ?? undefined;
  }

  /** The sound goes by a telephone: no microphone here, but a price. */
  telephone(own: OwnLine): void {
    this.byPhone = true;
    this.bar.hidden = true;
    this.select.hidden = true;
    this.quality.classList.remove("nowrap");
    this.quality.classList.add("is-cost"); // theirs to see, however narrow the page is
    this.quality.textContent = phoneWords(own);
  }

  state(state: LineState, muted: boolean): void {
    const tone: Record<LineState, string> = {
      closed: "state-off",
      opening: "state-warn",
      open: "state-good",
      reconnecting: "state-warn",
      taken_over: "state-bad",
    };
    this.mark.className = `state ${muted && state === "open" ? "state-warn" : tone[state]}`;
    const rings = this.byPhone && state === "opening";
    const silent = this.byPhone ? "line_phone_muted" : "line_muted";
    this.mark.textContent = say(rings ? "line_rings" : muted && state === "open" ? silent : `line_${state}`);
    if (this.byPhone) return;
    const up = state === "open" || state === "reconnecting";
    if (!up) {
      this.quality.textContent = "";
      this.meter?.stop();
      this.meter = undefined;
      this.bar.value = 0;
    }
  }

  async microphone(stream: MediaStream): Promise<void> {
    this.meter?.stop();
    this.meter = new LevelMeter(
      stream,
      (db) => {
        this.bar.value = meterShare(db);
      },
      this.silence,
    );
    const current = stream.getAudioTracks()[0]?.getSettings().deviceId;
    const devices = (await navigator.mediaDevices.enumerateDevices()).filter((d) => d.kind === "audioinput");
    this.select.replaceChildren(
      ...devices.map((device, n) => {
        const label = device.label || say("microphone_n", { n: n + 1 });
        return new Option(label, device.deviceId, false, device.deviceId === current);
      }),
    );
    this.select.disabled = devices.length < 1;
  }

  measured(quality: Quality): void {
    const trip = quality.roundTripMs === undefined ? "" : say("quality_trip", { ms: quality.roundTripMs });
    const loss = say("quality_loss", { percent: quality.lossPercent });
    this.quality.textContent = [trip, loss, quality.codec].filter(Boolean).join(" · ");
    this.quality.classList.toggle("is-poor", isPoor(quality));
  }
}

export function troubleSentence(trouble: MicrophoneTrouble): string {
  return say(`trouble_${trouble}`);
}
