// What a page of an owner hears of the exchange: a few kinds of events, each answered at most once in a while.
import { EventStream, type ExchangeEvent } from "../events/stream.ts";

type Listener = (event: ExchangeEvent) => void;

export class Live {
  private readonly listeners = new Map<string, Listener[]>();
  private readonly onReset: (() => void)[] = [];

  /** `after` is the id that the page's state was read at. */
  constructor(after: number) {
    new EventStream("/events/", after, {
      event: (event) => {
        for (const listener of this.listeners.get(event.name) ?? []) listener(event);
      },
      reset: () => {
        for (const listener of this.onReset) listener();
      },
      connection: (up) => {
        document.body.classList.toggle("is-offline", !up);
      },
      ended: (reason) => {
        if (reason === "session") window.location.reload(); // leads to the sign-in page and back
      },
    });
  }

  on(names: string[], listener: Listener): void {
    for (const name of names) this.listeners.set(name, [...(this.listeners.get(name) ?? []), listener]);
  }

  /** The page may have missed something: read everything again. */
  onGap(listener: () => void): void {
    this.onReset.push(listener);
  }
}

/** Run `work` now, and then at most every `pause` ms however often it is asked for; the last asking is never lost. */
export function paced(work: () => void, pause: number): () => void {
  let timer: number | undefined;
  let again = false;
  const run = (): void => {
    work();
    timer = window.setTimeout(() => {
      timer = undefined;
      if (!again) return;
      again = false;
      run();
    }, pause);
  };
  return () => {
    if (timer === undefined) run();
    else again = true;
  };
}

/** The page's `data-…` of the script element that loads it. */
export function pageData(): DOMStringMap {
  return document.querySelector<HTMLScriptElement>("script[data-campaign]")?.dataset ?? {};
}
