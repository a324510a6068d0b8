// Whether this device slept: a closed lid, a frozen page. Timers stop then, and the next tick finds that too much time has passed.

export const TICK_MS = 1000;
export const SLEPT_MS = 5000; // a busy page is late by less; a page that carries sound is not slowed down in the background

/** The wall clock, since others may stand still while a device sleeps. */
export class SleepWatch {
  private last: number;

  constructor(nowMs: number) {
    this.last = nowMs;
  }

  /** For how long it slept, milliseconds; `undefined`: it did not. */
  tick(nowMs: number): number | undefined {
    const passed = nowMs - this.last;
    this.last = nowMs;
    return passed >= SLEPT_MS + TICK_MS ? passed : undefined;
  }
}

export function onAwakening(run: (sleptMs: number) => void): void {
  const watch = new SleepWatch(Date.now());
  window.setInterval(() => {
    const slept = watch.tick(Date.now());
    if (slept !== undefined) run(slept);
  }, TICK_MS);
}
