// The console's dialogs: keypad, a new contact, the keys and their settings, the end of the shift.
import type { KeyMap, Shortcuts } from "../keys/bindings.ts";
import { collisions, isRemappable, keyLabel, resolveKeys } from "../keys/bindings.ts";
import { play, soundsOn, turnSounds } from "../line/sounds.ts";
import { byId } from "../net/parts.ts";
import { Refusal } from "../net/post.ts";
import { say } from "../net/texts.ts";

export function prepareClosers(): void {
  for (const button of document.querySelectorAll<HTMLButtonElement>("dialog [data-close]")) {
    button.addEventListener("click", () => button.closest("dialog")?.close());
  }
}

export class Keypad {
  private readonly dialog = byId<HTMLDialogElement>("dialog-keypad");
  private readonly pressed = byId("keypad-pressed");

  constructor(send: (digit: string) => void) {
    const press = (digit: string) => {
      this.pressed.textContent = `${this.pressed.textContent ?? ""}${digit}`.slice(-24);
      send(digit);
    };
    for (const button of this.dialog.querySelectorAll<HTMLButtonElement>("[data-digit]")) {
      button.addEventListener("click", () => press(button.dataset.digit ?? ""));
    }
    this.dialog.addEventListener("keydown", (event) => {
      if (event.ctrlKey || event.altKey || event.metaKey) return;
      if (!/^[0-9*#]$/.test(event.key)) return;
      event.preventDefault();
      press(event.key);
    });
  }

  open(): void {
    this.pressed.textContent = "";
    this.dialog.showModal();
  }

  close(): void {
    this.dialog.close();
  }
}

export class ContactDialog {
  private readonly dialog = byId<HTMLDialogElement>("dialog-contact");

  constructor(add: (contact: { phone: string; name: string }) => Promise<void>) {
    const form = byId<HTMLFormElement>("contact-form");
    const error = byId("contact-error");
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      error.textContent = "";
      const data = new FormData(form);
      add({ phone: String(data.get("phone") ?? ""), name: String(data.get("name") ?? "") }).then(
        () => {
          form.reset();
          this.dialog.close();
        },
        (refusal: unknown) => {
          error.textContent = refusal instanceof Refusal ? refusal.message : say("trouble_offline");
          byId("contact-phone").focus();
        },
      );
    });
  }

  open(): void {
    byId("contact-error").textContent = "";
    this.dialog.showModal();
    byId("contact-phone").focus();
  }
}

/** The list of keys, which is also where they are changed and switched off. */
export class KeysDialog {
  private readonly dialog = byId<HTMLDialogElement>("dialog-keys");
  private readonly error = byId("keys-error");
  private waitingFor: HTMLButtonElement | undefined;

  constructor(
    private readonly defaults: KeyMap,
    private own: Shortcuts,
    private readonly changed: (own: Shortcuts) => void,
  ) {
    for (const button of this.dialog.querySelectorAll<HTMLButtonElement>("[data-remap]")) {
      button.addEventListener("click", () => this.ask(button));
    }
    this.dialog.addEventListener("keydown", (event) => this.typed(event), true);
    this.dialog.addEventListener("close", () => this.stopAsking());
    const on = byId<HTMLInputElement>("keys-on");
    on.addEventListener("change", () => this.keep({ ...this.own, off: !on.checked }));
    const sounds = byId<HTMLInputElement>("sounds-on");
    sounds.checked = soundsOn();
    sounds.addEventListener("change", () => {
      turnSounds(sounds.checked);
      play("answered");
    });
    byId("keys-reset").addEventListener("click", () => this.keep({}));
    this.show();
  }

  open(): void {
    this.error.textContent = "";
    this.dialog.showModal();
  }

  get keys(): Record<string, string> {
    return resolveKeys(this.defaults, this.own);
  }

  get off(): boolean {
    return this.own.off === true;
  }

  /** Write the keys beside what they do, wherever the page shows them. */
  show(): void {
    byId<HTMLInputElement>("keys-on").checked = !this.off;
    for (const [action, code] of Object.entries(this.keys)) {
      for (const mark of document.querySelectorAll<HTMLElement>(`kbd[data-key="${action}"]`)) {
        mark.textContent = keyLabel(code);
        mark.hidden = this.off && !mark.closest("dialog");
        mark.closest("button[data-action]")?.setAttribute("aria-keyshortcuts", this.off ? "" : keyLabel(code));
      }
    }
    for (const mark of document.querySelectorAll<HTMLElement>("kbd[data-digit-key]")) mark.hidden = this.off;
  }

  private ask(button: HTMLButtonElement): void {
    this.stopAsking();
    this.waitingFor = button;
    this.error.textContent = "";
    button.classList.add("is-waiting");
    const mark = button.querySelector("kbd");
    if (mark) mark.textContent = say("press_a_key");
  }

  private stopAsking(): void {
    this.waitingFor?.classList.remove("is-waiting");
    this.waitingFor = undefined;
    this.show();
  }

  private typed(event: KeyboardEvent): void {
    const action = this.waitingFor?.dataset.remap;
    if (!action || event.key === "Tab" || event.key === "Shift") return;
    event.preventDefault();
    event.stopPropagation();
    if (event.code === "Escape" && action !== "take_back") {
      this.stopAsking();
      return;
    }
    const code = event.code;
    if (!isRemappable(code) && code !== this.defaults[action]) {
      this.error.textContent = say("key_unfit");
      return;
    }
    const next: Shortcuts = { ...this.own, [action]: code };
    if (collisions(resolveKeys(this.defaults, next)).includes(action)) {
      this.error.textContent = say("keys_collide");
      this.stopAsking();
      return;
    }
    this.stopAsking();
    this.keep(next);
  }

  private keep(own: Shortcuts): void {
    this.own = own;
    this.error.textContent = "";
    this.show();
    this.changed(own);
  }
}

/** Whether the person really ends the shift. */
export function askToEnd(): Promise<boolean> {
  const dialog = byId<HTMLDialogElement>("dialog-end");
  dialog.returnValue = "";
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => resolve(dialog.returnValue === "yes"), { once: true });
  });
}
