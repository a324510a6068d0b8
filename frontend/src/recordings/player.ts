// The player of recordings at the foot of a page: an outline drawn from the exchange's figures (nothing is downloaded to draw
// it), the audio itself fetched in ranges as it is heard. Works by keyboard: the slider moves by five seconds.
import WaveSurfer from "wavesurfer.js";

interface Outline {
  duration_ms: number | null;
  channels: number[][];
  /** Stretches that were silenced while it was made, milliseconds. */
  pauses?: [number, number][];
}

interface Parts {
  root: HTMLElement;
  toggle: HTMLButtonElement;
  seek: HTMLInputElement;
  wave: HTMLElement;
  title: HTMLElement;
  time: HTMLElement;
  error: HTMLElement;
  speed: HTMLSelectElement;
  download: HTMLAnchorElement;
}

const STEP_S = 5;

export function clockOf(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds));
  return `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, "0")}`;
}

function part<T extends HTMLElement>(root: HTMLElement, name: string): T {
  const found = root.querySelector<T>(`[data-player-${name}]`);
  if (!found) throw new Error(`the player has no ${name}`);
  return found;
}

function colour(name: string): string {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}

class Player {
  private readonly audio = new Audio();
  private drawing: WaveSurfer | undefined;
  private opener: HTMLElement | undefined;
  private length = 0;

  constructor(private readonly parts: Parts) {
    this.audio.preload = "metadata";
    parts.toggle.addEventListener("click", () => this.toggle());
    parts.seek.addEventListener("input", () => this.goTo(Number(parts.seek.value)));
    parts.seek.addEventListener("keydown", (event) => this.key(event));
    parts.speed.addEventListener("change", () => {
      this.audio.playbackRate = Number(parts.speed.value);
    });
    part(parts.root, "close").addEventListener("click", () => this.close());
    for (const name of ["play", "pause", "ended"]) this.audio.addEventListener(name, () => this.showState());
    this.audio.addEventListener("timeupdate", () => this.showTime());
    this.audio.addEventListener("error", () => this.fail());
  }

  get at(): number {
    return this.audio.currentTime;
  }

  async open(button: HTMLElement): Promise<void> {
    const at = Number(button.dataset.at ?? Number.NaN);
    if (this.opener?.dataset.audio === button.dataset.audio) {
      this.mark(button);
      if (!Number.isNaN(at)) this.goTo(at);
      if (Number.isNaN(at) || this.audio.paused) this.toggle();
      return;
    }
    this.mark(button);
    const { parts } = this;
    parts.root.hidden = false;
    parts.error.hidden = true;
    parts.title.textContent = button.dataset.title ?? "";
    const url = button.dataset.audio ?? "";
    parts.download.href = `${url}?download=1`;
    this.audio.src = url;
    this.audio.playbackRate = Number(parts.speed.value);
    if (at > 0) this.audio.currentTime = at; // before anything has come: playing begins there
    const playing = this.audio.play();
    parts.toggle.focus();
    const [outline] = await Promise.all([
      this.fetchOutline(button.dataset.outline ?? ""),
      playing.catch(() => undefined),
    ]);
    if (this.opener !== button) return; // another one was opened meanwhile
    this.length = outline?.duration_ms ? outline.duration_ms / 1000 : this.audio.duration || 0;
    parts.seek.max = String(Math.max(1, Math.round(this.length)));
    if (outline) this.draw(outline);
    this.tellPauses(outline?.pauses ?? []);
    this.markPlaces(button.dataset.recording ?? "");
    this.showTime();
  }

  private async fetchOutline(url: string): Promise<Outline | undefined> {
    const answer = await fetch(url, { headers: { Accept: "application/json" } });
    if (!answer.ok) {
      this.fail();
      return undefined;
    }
    return (await answer.json()) as Outline;
  }

  private draw(outline: Outline): void {
    this.drawing?.destroy();
    const tones = [
      { waveColor: colour("--edge-strong"), progressColor: colour("--accent") },
      { waveColor: colour("--edge-strong"), progressColor: colour("--note") },
    ];
    this.drawing = WaveSurfer.create({
      container: this.parts.wave,
      media: this.audio,
      url: this.audio.src, // the same, absolute: anything else would load it again and stop it
      peaks: outline.channels,
      duration: this.length,
      height: outline.channels.length > 1 ? 22 : 44,
      barWidth: 2,
      barGap: 1,
      barRadius: 1,
      normalize: true,
      cursorColor: colour("--accent"),
      dragToSeek: true,
      ...(outline.channels.length > 1 ? { splitChannels: tones } : (tones[0] ?? {})),
      ...(this.parts.root.dataset.nonce ? { cspNonce: this.parts.root.dataset.nonce } : {}),
    });
  }

  /** The places that the page offers to listen from, as lines across the outline. The buttons say the same in words. */
  private markPlaces(recording: string): void {
    for (const old of this.parts.wave.querySelectorAll(".player-mark")) old.remove();
    const buttons = document.querySelectorAll<HTMLElement>("button[data-recording][data-at]");
    const places = new Set(
      [...buttons].filter((one) => one.dataset.recording === recording).map((one) => one.dataset.at),
    );
    for (const place of this.length > 0 ? places : []) {
      const mark = document.createElement("span");
      mark.className = "player-mark";
      mark.style.insetInlineStart = `${Math.min(100, (100 * Number(place)) / this.length)}%`;
      this.parts.wave.append(mark);
    }
  }

  private tellPauses(pauses: readonly [number, number][]): void {
    const stretches = pauses.map(([from, to]) => `${clockOf(from / 1000)}–${clockOf(to / 1000)}`).join(", ");
    const place = part(this.parts.root, "pauses");
    place.hidden = stretches === "";
    place.textContent = stretches && `${place.dataset.label ?? ""} ${stretches}`;
  }

  private toggle(): void {
    if (this.audio.paused) void this.audio.play().catch(() => this.fail());
    else this.audio.pause();
  }

  private goTo(seconds: number): void {
    this.audio.currentTime = Math.min(Math.max(0, seconds), this.length || seconds);
    this.showTime();
  }

  private key(event: KeyboardEvent): void {
    const by = { ArrowLeft: -STEP_S, ArrowDown: -STEP_S, ArrowRight: STEP_S, ArrowUp: STEP_S }[event.key];
    if (by === undefined) return;
    event.preventDefault();
    this.goTo(this.audio.currentTime + by);
  }

  private showState(): void {
    const playing = !this.audio.paused && !this.audio.ended;
    const { toggle } = this.parts;
    toggle.setAttribute("aria-label", (playing ? toggle.dataset.pauseLabel : toggle.dataset.playLabel) ?? "");
    part(this.parts.root, "icon-play").hidden = playing;
    part(this.parts.root, "icon-pause").hidden = !playing;
  }

  private showTime(): void {
    const now = this.audio.currentTime;
    const text = `${clockOf(now)} / ${clockOf(this.length)}`;
    this.parts.time.textContent = text;
    this.parts.seek.value = String(Math.round(now));
    this.parts.seek.setAttribute(
      "aria-valuetext",
      `${clockOf(now)} ${this.parts.root.dataset.of ?? "/"} ${clockOf(this.length)}`,
    );
  }

  private fail(): void {
    if (this.parts.root.hidden) return;
    this.parts.error.textContent = this.parts.root.dataset.failed ?? "";
    this.parts.error.hidden = false;
  }

  private mark(button: HTMLElement | undefined): void {
    this.opener?.removeAttribute("aria-pressed");
    this.opener = button;
    button?.setAttribute("aria-pressed", "true");
  }

  private close(): void {
    const back = this.opener;
    this.audio.pause();
    this.drawing?.destroy();
    this.drawing = undefined;
    this.mark(undefined);
    this.parts.root.hidden = true;
    this.audio.removeAttribute("src");
    back?.focus();
  }
}

let player: Player | undefined;

/** Where the recording is, in seconds; 0 when none is open. */
export function playingAt(): number {
  return player?.at ?? 0;
}

/** Give the page its player. */
export function startPlayer(): void {
  const root = document.querySelector<HTMLElement>("[data-player]");
  if (!root) return;
  const made = new Player({
    root,
    toggle: part(root, "toggle"),
    seek: part(root, "seek"),
    wave: part(root, "wave"),
    title: part(root, "title"),
    time: part(root, "time"),
    error: part(root, "error"),
    speed: part(root, "speed"),
    download: part(root, "download"),
  });
  player = made;
  document.addEventListener("click", (event) => {
    const button = (event.target as Element).closest<HTMLElement>("button[data-recording]");
    if (button) void made.open(button);
  });
}
