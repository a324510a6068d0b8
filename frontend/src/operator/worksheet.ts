// The sheet of one contact: script, form, notes, dispositions. Rendered by the exchange; what is typed is kept as it is typed.
import { say } from "../net/texts.ts";

export interface Draft {
  fields: Record<string, unknown>;
  notes: string;
}

/** What became of a draft; `when_it_begins`: there is no call yet to keep it with. */
export type Kept = "kept" | "when_it_begins" | "later" | "refused";

const SAVE_AFTER_MS = 500;
const TRY_AGAIN_MS = 4000;
const STORE = "hearthline.draft.";

export class Worksheet {
  private assignment = "";
  private timer: number | undefined;
  private dirty = false;

  constructor(
    private readonly root: HTMLElement,
    private readonly save: (draft: Draft) => Promise<Kept>,
    private readonly chosen: () => void,
  ) {
    root.addEventListener("input", () => this.typed());
    root.addEventListener("change", (event) => {
      this.typed();
      if ((event.target as HTMLInputElement).name === "disposition") {
        this.clearErrors();
        this.chosen();
      }
    });
    window.addEventListener("pagehide", () => void this.flush());
  }

  /** Show the sheet of an assignment; the same one again changes nothing that is being typed. */
  show(sheet: { assignment: string; html: string } | null, draft: Draft | null): void {
    const assignment = sheet?.assignment ?? "";
    if (assignment === this.assignment) return;
    if (this.assignment) sessionStorage.removeItem(STORE + this.assignment);
    this.assignment = assignment;
    this.dirty = false;
    window.clearTimeout(this.timer);
    this.root.innerHTML = sheet?.html ?? "";
    this.root.hidden = !sheet;
    if (!sheet) return;
    this.fill(draft ?? { fields: {}, notes: "" });
    const own = sessionStorage.getItem(STORE + assignment);
    if (own) this.fill(JSON.parse(own) as Draft); // typed before the call had begun, or just before a reload
  }

  /** Words before the call begins are only here; once it has, they go to the exchange. */
  callBegan(): void {
    if (this.dirty) void this.flush();
  }

  read(): Draft {
    const fields: Record<string, unknown> = {};
    for (const control of this.controls()) {
      const key = control.name.slice("field-".length);
      if (control instanceof HTMLInputElement && control.type === "radio") {
        if (control.checked) fields[key] = control.value;
      } else if (control.value !== "") fields[key] = control.value;
    }
    return { fields, notes: this.notes?.value ?? "" };
  }

  get disposition(): { id: number; kind: string; retryMinutes: number } | undefined {
    const input = this.root.querySelector<HTMLInputElement>('input[name="disposition"]:checked');
    if (!input) return undefined;
    return { id: Number(input.value), kind: input.dataset.kind ?? "", retryMinutes: Number(input.dataset.retry) };
  }

  /** Returns the title of what was chosen; empty when no outcome has this key. */
  choose(key: number): string {
    const input = this.root.querySelector<HTMLInputElement>(`input[name="disposition"][data-key="${key}"]`);
    if (!input) return "";
    input.checked = true;
    input.dispatchEvent(new Event("change", { bubbles: true }));
    return input.dataset.title ?? "";
  }

  focusNotes(): void {
    this.notes?.focus();
  }

  showErrors(fields: Record<string, string>): void {
    this.clearErrors();
    let first: HTMLElement | undefined;
    for (const [key, sentence] of Object.entries(fields)) {
      const place = this.root.querySelector<HTMLElement>(`[data-error-of="${CSS.escape(key)}"]`);
      const control = this.root.querySelector<HTMLElement>(`[name="field-${CSS.escape(key)}"]`);
      if (place) place.textContent = sentence;
      control?.setAttribute("aria-invalid", "true");
      control?.classList.add("is-invalid");
      first ??= control ?? undefined;
    }
    first?.focus();
  }

  async flush(): Promise<void> {
    window.clearTimeout(this.timer);
    if (!this.dirty || !this.assignment) return;
    this.dirty = false;
    const kept = await this.save(this.read());
    if (kept !== "kept") this.dirty = true;
    if (kept === "later") this.timer = window.setTimeout(() => void this.flush(), TRY_AGAIN_MS);
    this.mark(kept === "kept" ? "draft_saved" : "draft_kept_here");
  }

  /** The result is being saved as a whole: the draft of it has nothing to add. */
  settle(): void {
    window.clearTimeout(this.timer);
    this.dirty = false;
  }

  private get notes(): HTMLTextAreaElement | null {
    return this.root.querySelector<HTMLTextAreaElement>('textarea[name="notes"]');
  }

  private controls(): (HTMLInputElement | HTMLTextAreaElement | HTMLSelectElement)[] {
    return [
      ...this.root.querySelectorAll<HTMLInputElement | HTMLTextAreaElement | HTMLSelectElement>('[name^="field-"]'),
    ];
  }

  private fill(draft: Draft): void {
    for (const control of this.controls()) {
      const value = draft.fields[control.name.slice("field-".length)];
      if (value === undefined || value === null) continue;
      const text = value === true ? "yes" : value === false ? "no" : String(value);
      if (control instanceof HTMLInputElement && control.type === "radio") control.checked = control.value === text;
      else control.value = text;
    }
    if (this.notes && draft.notes) this.notes.value = draft.notes;
  }

  private typed(): void {
    if (!this.assignment) return;
    this.dirty = true;
    sessionStorage.setItem(STORE + this.assignment, JSON.stringify(this.read()));
    window.clearTimeout(this.timer);
    this.timer = window.setTimeout(() => void this.flush(), SAVE_AFTER_MS);
  }

  private mark(key: string): void {
    const place = this.root.querySelector("[data-draft-mark]");
    if (place) place.textContent = say(key);
  }

  private clearErrors(): void {
    for (const place of this.root.querySelectorAll("[data-error-of]")) place.textContent = "";
    for (const control of this.root.querySelectorAll("[aria-invalid]")) {
      control.removeAttribute("aria-invalid");
      control.classList.remove("is-invalid");
    }
  }
}
