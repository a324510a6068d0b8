// The first visit and the script's own page: inserting values, going to a line, starting from a template; the contacts' step
// follows its import.
import { Live, paced, pageData } from "../live.ts";
import { watchUploads } from "../uploads.ts";

const text = document.querySelector<HTMLTextAreaElement>("#script");

document.addEventListener("click", (event) => {
  const target = event.target as Element;
  const variable = target.closest<HTMLElement>("[data-insert]");
  if (variable && text) insert(text, variable.dataset.insert ?? "");
  const line = target.closest<HTMLElement>("[data-line]");
  if (line && text) goTo(text, Number(line.dataset.line), Number(line.dataset.column));
  const template = target.closest<HTMLElement>("[data-template]");
  if (template && text) void begin(text, template);
});

function changed(field: HTMLTextAreaElement): void {
  field.dispatchEvent(new Event("input", { bubbles: true }));
}

function insert(field: HTMLTextAreaElement, words: string): void {
  field.focus();
  field.setRangeText(words, field.selectionStart, field.selectionEnd, "end");
  changed(field);
}

/** Select the line, so that it is seen and typing replaces nothing by surprise: the caret stands at the place. */
function goTo(field: HTMLTextAreaElement, line: number, column: number): void {
  const lines = field.value.split("\n");
  const start = lines.slice(0, line - 1).reduce((sum, row) => sum + row.length + 1, 0);
  const place = start + Math.max(0, column - 1);
  field.focus();
  field.setSelectionRange(place, start + (lines[line - 1]?.length ?? 0));
  field.scrollTop = (field.scrollHeight * (line - 3)) / Math.max(1, lines.length);
}

async function begin(field: HTMLTextAreaElement, button: HTMLElement): Promise<void> {
  if (field.value.trim() && !window.confirm(button.dataset.question ?? "")) return;
  const answer = await fetch(button.dataset.template ?? "", { headers: { Accept: "text/plain" } });
  if (!answer.ok) return;
  field.value = await answer.text();
  button.closest("details")?.removeAttribute("open");
  field.focus();
  changed(field);
}

const refreshReady = paced(() => document.body.dispatchEvent(new CustomEvent("refresh-ready")), 800);

// Whatever is saved on the page may have been the thing that was missing.
document.body.addEventListener("htmx:afterSwap", (event) => {
  const id = (event.target as Element | null)?.id;
  if (id === "script-preview" || id === "contacts-step") refreshReady();
  // New columns are new variables, and the first contact fills the preview.
  if (id === "contacts-step") document.body.dispatchEvent(new CustomEvent("refresh-preview"));
});

const { campaign = "", after = "0" } = pageData();
const live = new Live(Number(after));
watchUploads(live, campaign);
live.on(["balance.changed", "campaign.changed", "import.progressed"], refreshReady);
