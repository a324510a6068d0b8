// What the readiness check makes of its figures: limits in one place, without a page or a microphone.

export const CODES = ["browser", "noise", "echo", "microphone", "round_trip", "jitter", "loss", "timers"] as const;
export type Code = (typeof CODES)[number];
export type State = "good" | "fair" | "bad" | "unknown";

export interface Finding {
  code: Code;
  state: State;
  value: number | null;
}

export const CLIPS_DBFS = -3; // a voice whose loud syllables come so near to full scale is distorted
export const BURST_DB = 15; // above the room: the microphone hears the loudspeaker

/** Up to `good` is good, up to `fair` fair; a missing value is unknown. */
function upTo(code: Code, value: number | undefined, good: number, fair: number): Finding {
  if (value === undefined || !Number.isFinite(value)) return { code, state: "unknown", value: null };
  return { code, state: value <= good ? "good" : value <= fair ? "fair" : "bad", value: Math.round(value * 10) / 10 };
}

/** Levels of a quiet room, dBFS: its quieter half, since people move and breathe. */
export function noise(levels: readonly number[]): Finding {
  return upTo("noise", quantile(levels, 0.5), -50, -38);
}

/** Levels while speaking, dBFS: the loud tenth are the voice. `noiseDb`: what it must stand above. */
export function voice(levels: readonly number[], noiseDb: number): Finding {
  const loud = quantile(levels, 0.9);
  if (loud === undefined) return { code: "microphone", state: "unknown", value: null };
  const value = Math.round(loud * 10) / 10;
  if (loud < -55 || loud - noiseDb < 6) return { code: "microphone", state: "bad", value };
  return { code: "microphone", state: loud < -42 || loud > CLIPS_DBFS ? "fair" : "good", value };
}

/** By how many dB a tone that we played stands above the same frequency before it. */
export function echo(aboveDb: number | undefined): Finding {
  return upTo("echo", aboveDb, 6, BURST_DB);
}

export interface LineFigures {
  roundTripMs: readonly number[];
  jitterMs: readonly number[];
  lossPercent: readonly number[];
}

export function line(figures: LineFigures): Finding[] {
  return [
    upTo("round_trip", quantile(figures.roundTripMs, 0.5), 150, 400),
    upTo("jitter", quantile(figures.jitterMs, 0.9), 30, 80),
    upTo("loss", mean(figures.lossPercent), 1, 5),
  ];
}

/** How late timers fired at the worst, milliseconds. A page in the background is slowed down to once a second. */
export function timers(latestMs: number): Finding {
  return upTo("timers", latestMs, 300, 1500);
}

const OLDEST: Record<string, number> = { Chrome: 110, Firefox: 115, Safari: 16 };

/** Of `navigator.userAgent`: the family and its main version, as far as we know them. */
export function browserOf(agent: string): { name: string; version: number } | undefined {
  const found = /(Firefox|Chrome|Version)\/(\d+)/.exec(agent);
  if (!found) return undefined;
  const name = found[1] === "Version" ? "Safari" : String(found[1]);
  return { name, version: Number(found[2]) };
}

export function browser(agent: string, missing: readonly string[]): Finding {
  const known = browserOf(agent);
  const value = known?.version ?? null;
  if (missing.length > 0) return { code: "browser", state: "bad", value };
  if (!known) return { code: "browser", state: "unknown", value };
  return { code: "browser", state: known.version >= (OLDEST[known.name] ?? 0) ? "good" : "fair", value };
}

export function quantile(values: readonly number[], share: number): number | undefined {
  const sorted = values.filter(Number.isFinite).sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))];
}

function mean(values: readonly number[]): number | undefined {
  return values.length === 0 ? undefined : values.reduce((sum, value) => sum + value, 0) / values.length;
}
