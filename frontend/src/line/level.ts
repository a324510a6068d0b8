// How loud the microphone is, and whether it has gone silent.
import { audioContext } from "./sounds.ts";

export const SILENT_DBFS = -70; // below: nothing is plugged in, or the headset's own switch is off; a quiet room is above
export const SILENT_AFTER_MS = 5000;

/** RMS of samples in -1..1 as dB below full scale; -100 for digital silence. */
export function dbfs(samples: Float32Array): number {
  let sum = 0;
  for (const sample of samples) sum += sample * sample;
  const rms = Math.sqrt(sum / Math.max(1, samples.length));
  return rms > 1e-5 ? 20 * Math.log10(rms) : -100;
}

/** -60 dBFS and below is empty, -6 full. */
export function meterShare(db: number): number {
  return Math.min(1, Math.max(0, (db + 60) / 54));
}

/** Says once when the microphone has been silent for `SILENT_AFTER_MS`, and once when it is heard again. */
export class SilenceWatch {
  private quietSince: number | undefined;
  silent = false;

  /** True when `silent` has just changed. */
  note(db: number, nowMs: number): boolean {
    if (db > SILENT_DBFS) {
      this.quietSince = undefined;
      const changed = this.silent;
      this.silent = false;
      return changed;
    }
    this.quietSince ??= nowMs;
    if (!this.silent && nowMs - this.quietSince >= SILENT_AFTER_MS) {
      this.silent = true;
      return true;
    }
    return false;
  }
}

const EVERY_MS = 80;

/** Measure a microphone until stopped. */
export class LevelMeter {
  private readonly source: MediaStreamAudioSourceNode;
  private readonly timer: number;
  private readonly watch = new SilenceWatch();

  constructor(stream: MediaStream, level: (db: number) => void, silence: (silent: boolean) => void) {
    const audio = audioContext();
    this.source = audio.createMediaStreamSource(stream);
    const analyser = new AnalyserNode(audio, { fftSize: 1024 });
    this.source.connect(analyser);
    const samples = new Float32Array(analyser.fftSize);
    this.timer = window.setInterval(() => {
      if (audio.state !== "running") return;
      analyser.getFloatTimeDomainData(samples);
      const db = dbfs(samples);
      level(db);
      if (this.watch.note(db, performance.now())) silence(this.watch.silent);
    }, EVERY_MS);
  }

  stop(): void {
    window.clearInterval(this.timer);
    this.source.disconnect();
  }
}
