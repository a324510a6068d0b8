// The tutorial's steps: which one is next, from what the console shows and what the person has done. Pure.
import type { Mode } from "./mode.ts";

export const STEPS = [
  "open_line",
  "next",
  "dial",
  "answers",
  "transfer",
  "complete",
  "outcome",
  "save",
  "done",
] as const;
export type Step = (typeof STEPS)[number];

export type Deed = "answered_field" | "chose_outcome" | "saved";

const BEFORE_CONTACT: readonly Mode[] = ["no_line", "opening", "on_break", "ready"];
const AFTER_TALK: readonly Mode[] = ["handed_over", "wrap_up"];

/** What is behind the person when the console stands in this mode and they have done this deed. */
function behind(mode: Mode, deed: Deed | undefined): readonly Step[] {
  if (deed === "saved") return STEPS.filter((step) => step !== "done");
  const found: Step[] = [];
  if (mode !== "no_line" && mode !== "opening") found.push("open_line");
  if (!BEFORE_CONTACT.includes(mode)) found.push("next");
  if (!BEFORE_CONTACT.includes(mode) && mode !== "reserved") found.push("dial");
  if (deed === "answered_field") found.push("answers");
  if (mode === "calling_manager" || mode === "briefing") found.push("answers", "transfer");
  if (AFTER_TALK.includes(mode)) found.push("answers", "transfer", "complete");
  if (deed === "chose_outcome" && AFTER_TALK.includes(mode)) found.push("outcome");
  return found;
}

/** Where a person is in the tutorial. A step once behind stays behind: a call that ends early does not lead back. */
export class Progress {
  private readonly passed = new Set<Step>();

  get step(): Step {
    return STEPS.find((step) => !this.passed.has(step)) ?? "done";
  }

  /** Whether the step has changed by it. */
  seen(mode: Mode, deed?: Deed): boolean {
    const before = this.step;
    for (const step of behind(mode, deed)) this.passed.add(step);
    return this.step !== before;
  }

  skip(): void {
    if (this.step !== "done") this.passed.add(this.step);
  }

  begin(): void {
    this.passed.clear();
  }
}
