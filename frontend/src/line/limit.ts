// A telephone is hung up when the exchange has paid what it pays, or after the longest time there is: said before it happens.

import { say } from "../net/texts.ts";
import type { OpenLine } from "./phone.ts";

const BEFORE_MS = 120_000;

export class LimitWarning {
  private saidOf = "";

  /** What is to be said now; once for each telephone, else empty. `nowMs`: the exchange's clock. */
  due(line: OpenLine | null | undefined, nowMs: number, language = document.documentElement.lang || "en"): string {
    if (!line?.ends_at || !line.ends_by || line.id === this.saidOf) return "";
    const endsAt = Date.parse(line.ends_at);
    if (endsAt - nowMs > BEFORE_MS) return "";
    this.saidOf = line.id;
    const time = new Date(endsAt).toLocaleTimeString(language, { hour: "2-digit", minute: "2-digit" });
    return say(`ends_by_${line.ends_by}`, { time });
  }
}
