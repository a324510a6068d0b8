// A person's line by a telephone: the exchange rings it and keeps it open; the page only says what to do with it.

import { Refusal } from "../net/post.ts";
import { money, say } from "../net/texts.ts";
import type { LineState } from "./line.ts";

/** How this person's line is opened (`calls.own_line.lines_json`). */
export interface OwnLine {
  kind: "browser" | "callback" | "sip_phone";
  phone?: string;
  confirmed?: boolean;
  registered?: boolean;
  per_minute_minor?: number | null;
  used_minor?: number;
  limit_minor?: number;
  currency?: string;
}

/** The line that the exchange has for this person. */
export interface OpenLine {
  id: string;
  state: string;
  kind: OwnLine["kind"];
  code: string;
  // unknown until the state is read
  node?: string;
  muted?: boolean;
  /** When a telephone is hung up at the latest, ISO 8601, and why. */
  ends_at?: string | null;
  ends_by?: "" | "limit" | "time_up";
}

/** What the pages need of a line, whatever carries its sound. */
export interface PersonLine {
  id: string;
  readonly state: LineState;
  readonly muted: boolean;
  readonly byPhone: boolean;
  open(deviceId?: string): Promise<void>;
  close(): Promise<void>;
  takenOver(): void;
  gone(): void;
  setMuted(muted: boolean): Promise<void>;
  useMicrophone(deviceId: string): Promise<void>;
}

export interface PhoneHandlers {
  ring(): Promise<{ line: string; kind: OwnLine["kind"]; code: string }>;
  close(line: string): Promise<void>;
  mute(line: string, on: boolean): Promise<void>;
  /** It is rung: this is the line, and its code to press if it has one. */
  rings(line: OpenLine): void;
  state(state: LineState, note: { awayMs?: number }): void;
  /** From now on nobody hears it, or they do again; whichever page asked for it. */
  muted(on: boolean): void;
  failed(refusal: Refusal): void;
}

export function isTelephone(own: OwnLine, line: OpenLine | null | undefined): boolean {
  return own.kind !== "browser" || (line !== null && line !== undefined && line.kind !== "browser");
}

export class PhoneLine implements PersonLine {
  id = "";
  state: LineState = "closed";
  muted = false;
  readonly byPhone = true;
  private asking = false;
  private former = ""; // was read to be closed before its event came, which says why
  private ended = ""; // has ended, by its event: what was read before that is no news

  constructor(private readonly handlers: PhoneHandlers) {}

  /** Whether an event about this line is news here. */
  isOrWas(line: unknown): boolean {
    return line !== "" && (line === this.id || line === this.former);
  }

  /** Have it rung. Safe to call again. */
  async open(): Promise<void> {
    if (this.state !== "opening" && this.state !== "open") await this.ring();
  }

  /** Have it hung up, and rung by the node that the exchange chooses now. */
  async reopen(): Promise<void> {
    if (this.state !== "open") return;
    this.id = "";
    await this.ring();
    if (!this.id) this.to("closed");
  }

  private async ring(): Promise<void> {
    if (this.asking) return;
    this.asking = true;
    try {
      const { line, kind, code } = await this.handlers.ring();
      this.id = line;
      this.handlers.rings({ id: line, state: "opening", kind, code });
      this.to("opening");
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      this.handlers.failed(error);
    } finally {
      this.asking = false;
    }
  }

  async close(): Promise<void> {
    const { id } = this;
    this.gone();
    if (id) await this.handlers.close(id);
  }

  takenOver(): void {
    this.id = "";
    this.to("taken_over");
  }

  gone(): void {
    this.ended = this.id || this.former;
    this.id = "";
    this.former = "";
    this.to("closed");
  }

  /** The exchange rings by itself: the telephone was lost in a call. */
  rang(line: string): void {
    this.id = line;
    this.to("opening");
  }

  /** Somebody at the telephone has pressed a key. */
  opened(): void {
    this.to("open");
  }

  /** What the exchange says of this person's line, read as a whole: an event may have come before its command's reply. */
  sync(line: OpenLine | null): void {
    if (this.asking) return;
    if (line?.id === this.ended) return;
    if (line === null || line.kind === "browser") {
      if (this.state !== "open" && this.state !== "opening") return;
      this.former = this.id;
      this.id = "";
      this.to("closed");
      return;
    }
    this.id = line.id;
    this.to(line.state === "opening" ? "opening" : "open");
    if (this.state === "open") this.became(line.muted ?? false);
  }

  /** By the switch: whether the telephone has a key for it or not, the page shows what is. */
  async setMuted(muted: boolean): Promise<void> {
    const { id } = this;
    if (this.state !== "open") return;
    await this.handlers.mute(id, muted);
    if (id === this.id) this.became(muted);
  }

  /** The exchange says so. */
  became(muted: boolean): void {
    if (this.muted === muted) return;
    this.muted = muted;
    this.handlers.muted(muted);
  }

  async useMicrophone(): Promise<void> {}

  private to(state: LineState): void {
    if (state !== "closed") {
      this.former = "";
      this.ended = "";
    }
    if (this.state === state) return;
    this.state = state;
    if (state !== "open") this.muted = false; // the next one is another leg
    this.handlers.state(state, {});
  }
}

/** Whether the exchange rings without being asked: the telephone was lost in a call, or its node is lost or being emptied. */
export function ringsByItself(reason: string): boolean {
  return reason === "redial" || reason === "moved";
}

/** What an event says of a telephone that is this line. */
export function toldOfTelephone(event: string, phone: PhoneLine): void {
  if (event === "line.opened") phone.opened();
  else if (event === "line.muted" || event === "line.unmuted") phone.became(event === "line.muted");
}

/** What to do with a telephone that rings. Digits are set apart, so that they are read one by one. */
export function phoneInstruction(own: OwnLine, line: OpenLine | null): string {
  if (line?.code) return say("press_code", { code: [...line.code].join(" ") });
  return say((line?.kind ?? own.kind) === "sip_phone" ? "answer_sip" : "press_any");
}

/** The telephone in the bar: what it costs, and what of it is used. */
export function phoneWords(own: OwnLine, language?: string): string {
  if (own.kind !== "callback") return say("own_sip_phone");
  const currency = own.currency ?? "";
  if (own.per_minute_minor === null || own.per_minute_minor === undefined) return say("own_telephone");
  return say("telephone_cost", {
    price: money(own.per_minute_minor, currency, language),
    used: money(own.used_minor ?? 0, currency, language),
    limit: money(own.limit_minor ?? 0, currency, language),
  });
}
