// A moderator's desk by keyboard: digits choose, n goes to the reasons, p plays, m marks the place, s skips, Ctrl+Enter sends.
// Never while typing, except Ctrl+Enter; not at all for who has switched single keys off (WCAG 2.2, 2.1.4).
import { clockOf, playingAt, startPlayer } from "../player.ts";

startPlayer();

const single = !document.querySelector("[data-keys-off]");
const form = document.querySelector<HTMLFormElement>("form[data-decide], form[data-score]");

function typing(target: EventTarget | null): boolean {
  return target instanceof Element && target.matches("textarea, select, input:not([type=radio]):not([type=checkbox])");
}

function mark(): void {
  const marks = document.querySelector<HTMLTextAreaElement>("#marks");
  if (!marks) return;
  const before = marks.value && !marks.value.endsWith("\n") ? "\n" : "";
  marks.value += `${before}${clockOf(playingAt())} `;
  marks.focus();
}

const keys: Record<string, () => void> = {
  KeyN: () => document.querySelector<HTMLElement>("#words, #comment")?.focus(),
  KeyP: () => document.querySelector<HTMLElement>("button[data-recording]")?.click(),
  KeyM: mark,
  KeyS: () => document.querySelector<HTMLFormElement>("form[data-skip]")?.requestSubmit(),
};

document.addEventListener("keydown", (event) => {
  if (event.key === "Enter" && event.ctrlKey) {
    event.preventDefault();
    form?.requestSubmit();
    return;
  }
  if (!single || typing(event.target) || event.ctrlKey || event.altKey || event.metaKey) return;
  const digit = /^Digit([1-9])$/.exec(event.code)?.[1];
  const choice = digit && document.querySelector<HTMLElement>(`[data-digit="${digit}"]`);
  if (choice) {
    event.preventDefault();
    choice.focus();
    if (choice instanceof HTMLInputElement) choice.checked = true;
    else choice.click();
    return;
  }
  const act = keys[event.code];
  if (!act) return;
  event.preventDefault();
  act();
});
