// Short sounds for what must not be missed: the answer, the hang-up, a ringing hand-over. They can be turned off.

type Tone = readonly [frequency: number, startMs: number, lengthMs: number];

const SOUNDS: Record<string, readonly Tone[]> = {
  answered: [
    [660, 0, 90],
    [880, 90, 120],
  ],
  ended: [
    [520, 0, 90],
    [390, 90, 150],
  ],
  attention: [
    [740, 0, 120],
    [740, 180, 120],
  ],
  ring: [
    [784, 0, 350],
    [659, 350, 350],
  ],
};
const VOLUME = 0.12;
const PREFERENCE = "hearthline.sounds";

let context: AudioContext | undefined;

export function soundsOn(): boolean {
  return localStorage.getItem(PREFERENCE) !== "off";
}

export function turnSounds(on: boolean): void {
  localStorage.setItem(PREFERENCE, on ? "on" : "off");
}

/** The page's one audio context; browsers let it run after the first key or click. */
export function audioContext(): AudioContext {
  context ??= new AudioContext();
  if (context.state === "suspended") void context.resume().catch(() => undefined);
  return context;
}

export function play(name: keyof typeof SOUNDS): void {
  const tones = SOUNDS[name];
  if (!tones || !soundsOn()) return;
  const audio = audioContext();
  if (audio.state !== "running") return;
  for (const [frequency, startMs, lengthMs] of tones) {
    const oscillator = new OscillatorNode(audio, { type: "sine", frequency });
    const start = audio.currentTime + startMs / 1000;
    const end = start + lengthMs / 1000;
    const gain = new GainNode(audio, { gain: 0 });
    gain.gain.setValueAtTime(0, start);
    gain.gain.linearRampToValueAtTime(VOLUME, start + 0.01);
    gain.gain.setValueAtTime(VOLUME, end - 0.02);
    gain.gain.linearRampToValueAtTime(0, end);
    oscillator.connect(gain).connect(audio.destination);
    oscillator.start(start);
    oscillator.stop(end);
  }
}
