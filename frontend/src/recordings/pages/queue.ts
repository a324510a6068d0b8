// A moderator's desk by keyboard: digits choose, letters (the person's own, from the page) go to the reasons, play, mark the place
// and leave the item to others; Ctrl+Enter sends. Never while typing, except Ctrl+Enter; the page says no keys to whoever has
// switched single keys off (WCAG 2.2, 2.1.4).
import { isTyping, leaveField } from "../../keys/bindings.ts";
import { clockOf, playingAt, startPlayer } from "../player.ts";

startPlayer();

const keys = JSON.parse(document.querySelector<HTMLElement>("[data-keys]")?.dataset.keys ?? "{}") as Record<
  string,
  string
>;
const form = document.querySelector<HTMLFormElement>("form[data-decide], form[data-score]");

function mark(): void {
  const marks = document.querySelector<HTMLTextAreaElement>("#marks");
  if (!marks) return;
  const before = marks.value && !marks.value.endsWith("\n") ? "\n" : "";
  marks.value += `${before}${clockOf(playingAt())} `;
  marks.focus();
}

const acts: Record<string, () => void> = {
  queue_reasons: () => document.querySelector<HTMLElement>("#words, #comment")?.focus(),
  queue_play: () => document.querySelector<HTMLElement>("button[data-recording]")?.click(),
  queue_mark: mark,
  queue_leave: () => document.querySelector<HTMLFormElement>("form[data-skip]")?.requestSubmit(),
};
const byCode = new Map(Object.entries(keys).map(([action, code]) => [code, acts[action]]));

document.querySelector("[data-mark]")?.addEventListener("click", mark);

document.addEventListener("keydown", leaveField); // by keyboard back to where single keys work

document.addEventListener("keydown", (event) => {
  if (event.repeat) return;
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
    event.preventDefault();
    form?.requestSubmit();
    return;
  }
  if (byCode.size === 0 || isTyping(event.target) || event.ctrlKey || event.altKey || event.metaKey) return;
  const digit = /^(?:Digit|Numpad)([1-9])$/.exec(event.code)?.[1];
  const choice = digit && document.querySelector<HTMLElement>(`[data-digit="${digit}"]`);
  if (choice) {
    event.preventDefault();
    choice.focus();
    if (choice instanceof HTMLInputElement) choice.checked = true;
    else choice.click();
    return;
  }
  const act = byCode.get(event.code);
  if (!act) return;
  event.preventDefault();
  act();
});
