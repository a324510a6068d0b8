// A scenario's text: a fault leads to its line, the line of the caret is shown, and what is not saved is not left by accident.

const text = document.querySelector<HTMLTextAreaElement>("#text");
const form = document.querySelector<HTMLFormElement>("#scenario-form");
const place = document.querySelector<HTMLElement>("#text-line");

if (text && form) {
  const saved = text.value;
  let sending = false;

  const tell = (): void => {
    if (place) place.textContent = `${place.dataset.label ?? ""} ${lineOf(text)}`;
  };
  for (const kind of ["input", "keyup", "click", "focus"]) text.addEventListener(kind, tell);
  tell();

  document.addEventListener("click", (event) => {
    const fault = (event.target as Element).closest<HTMLElement>("[data-line]");
    if (fault) goTo(text, Number(fault.dataset.line));
  });

  form.addEventListener("submit", () => {
    sending = true;
  });
  window.addEventListener("beforeunload", (event) => {
    if (!sending && text.value !== saved) event.preventDefault();
  });
  document.addEventListener("keydown", (event) => {
    if ((event.ctrlKey || event.metaKey) && event.key === "s") {
      event.preventDefault();
      form.requestSubmit();
    }
  });
}

function lineOf(field: HTMLTextAreaElement): number {
  return field.value.slice(0, field.selectionStart).split("\n").length;
}

/** Select the whole line and bring it into view. */
function goTo(field: HTMLTextAreaElement, line: number): void {
  const lines = field.value.split("\n");
  const begin = lines.slice(0, line - 1).reduce((sum, one) => sum + one.length + 1, 0);
  field.focus();
  field.setSelectionRange(begin, begin + (lines[line - 1]?.length ?? 0));
  const height = Number.parseFloat(getComputedStyle(field).lineHeight);
  field.scrollTop = Math.max(0, (line - 5) * height);
  field.dispatchEvent(new Event("keyup"));
}
