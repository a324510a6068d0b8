// Beside a shift with robots: the tutorial's steps in a live region, and what came of the call before.
import type { ExchangeEvent } from "../../events/stream.ts";
import { byId } from "../../net/parts.ts";
import { Progress, STEPS } from "../guide.ts";
import type { Mode } from "../mode.ts";

const guide = byId("guide");
const progress = new Progress();
let mode: Mode = "no_line";

function show(): void {
  const { step } = progress;
  const text = guide.querySelector(`[data-step="${step}"]`);
  const now = byId("guide-now");
  if (!text || now.dataset["step"] === step) return;
  now.dataset["step"] = step;
  now.innerHTML = text.innerHTML;
  const count = byId("guide-count");
  const words = { n: STEPS.indexOf(step) + 1, of: STEPS.length };
  count.textContent = (count.dataset["count"] ?? "").replace("{n}", String(words.n)).replace("{of}", String(words.of));
  byId<HTMLButtonElement>("guide-skip").disabled = step === "done";
}

function follow(): void {
  document.addEventListener("console:shown", (event) => {
    mode = (event as CustomEvent<Mode>).detail;
    progress.seen(mode);
    show();
  });
  byId("worksheet").addEventListener("change", (event) => {
    const name = (event.target as HTMLInputElement).name ?? "";
    progress.seen(mode, name === "disposition" ? "chose_outcome" : "answered_field");
    show();
  });
  byId("guide-skip").addEventListener("click", () => {
    progress.skip();
    show();
  });
  byId("guide-again").addEventListener("click", () => {
    progress.begin();
    progress.seen(mode);
    delete byId("guide-now").dataset["step"];
    show();
  });
  byId("guide-hide").addEventListener("click", (event) => {
    const now = byId("guide-now");
    now.hidden = !now.hidden;
    (event.currentTarget as HTMLButtonElement).setAttribute("aria-expanded", String(!now.hidden));
  });
  show();
}

/** The part of the feedback's page, without leaving the console. */
async function showFeedback(attempt: string, score: unknown): Promise<void> {
  const place = byId<HTMLDetailsElement>("guide-feedback");
  place.dataset["attempt"] = attempt;
  const summary = place.querySelector("summary");
  const body = place.querySelector("div");
  if (!summary || !body) return;
  const url = (guide.dataset["feedback"] ?? "").replace("00000000-0000-0000-0000-000000000000", attempt);
  const reply = await fetch(`${url}?part=1`, { headers: { Accept: "text/html" } });
  if (!reply.ok) return;
  body.innerHTML = await reply.text();
  const words = typeof score === "number" ? summary.dataset["score"] : summary.dataset["none"];
  summary.textContent = (words ?? "").replace("{score}", String(score));
  place.hidden = false;
  byId("guide-told").textContent = summary.textContent;
}

document.addEventListener("exchange:event", (raw) => {
  const event = (raw as CustomEvent<ExchangeEvent>).detail;
  // a result that the person has chosen, not one that the exchange found by itself
  const saved = event.name === "call.wrapped_up" && typeof event.payload["disposition"] === "number";
  if (saved && guide.dataset["kind"] === "tutorial") {
    progress.seen(mode, "saved");
    show();
  }
  // measured anew from the recording: only where that call's feedback is still what is shown
  const stale =
    event.payload["again"] === true && byId("guide-feedback").dataset["attempt"] !== event.payload["attempt"];
  if (event.name === "practice.scored" && guide.dataset["kind"] !== "test" && !stale)
    void showFeedback(String(event.payload["attempt"]), event.payload["score"]);
});
if (guide.dataset["kind"] === "tutorial") follow();
