// Single keys that do things: physical keys (`KeyboardEvent.code`), so that `h` is the same key under a Russian layout.
// Never while typing, never with a modifier, remappable, and can be switched off (WCAG 2.2, 2.1.4).
import { tinykeys } from "tinykeys";

export type KeyMap = Readonly<Record<string, string>>; // action -> code

/** As kept in User.shortcuts: {"off": true} or {"hang_up": "KeyX"}. */
export type Shortcuts = { off?: boolean } & Record<string, string | boolean | undefined>;

const REMAPPABLE =
  /^(Key[A-Z]|Digit\d|F\d{1,2}|Semicolon|Quote|Comma|Period|Slash|Bracket(Left|Right)|Minus|Equal|Backquote)$/;

/** The defaults with the person's changes; a code that is no single key is left out. */
export function resolveKeys(defaults: KeyMap, shortcuts: Shortcuts): Record<string, string> {
  const found: Record<string, string> = {};
  for (const [action, code] of Object.entries(defaults)) {
    const own = shortcuts[action];
    found[action] = typeof own === "string" && REMAPPABLE.test(own) ? own : code;
  }
  return found;
}

/** Actions that share a key, for the settings' warning. */
export function collisions(keys: KeyMap): string[] {
  const byCode = new Map<string, string[]>();
  for (const [action, code] of Object.entries(keys)) byCode.set(code, [...(byCode.get(code) ?? []), action]);
  return [...byCode.values()].filter((actions) => actions.length > 1).flat();
}

export function isRemappable(code: string): boolean {
  return REMAPPABLE.test(code);
}

/** How a key is shown: "h", "1", "F2", "Esc". */
export function keyLabel(code: string): string {
  if (code.startsWith("Key")) return code.slice(3).toLowerCase();
  if (code.startsWith("Digit")) return code.slice(5);
  const signs: Record<string, string> = {
    Escape: "Esc",
    Semicolon: ";",
    Quote: "'",
    Comma: ",",
    Period: ".",
    Slash: "/",
    BracketLeft: "[",
    BracketRight: "]",
    Minus: "-",
    Equal: "=",
    Backquote: "`",
  };
  return signs[code] ?? code;
}

/** Whether the person is typing: keys then belong to the text. */
export function isTyping(target: EventTarget | null): boolean {
  if (!(target instanceof HTMLElement)) return false;
  if (target.isContentEditable) return true;
  if (target instanceof HTMLTextAreaElement || target instanceof HTMLSelectElement) return true;
  if (!(target instanceof HTMLInputElement)) return false;
  return !["button", "checkbox", "radio", "range", "submit", "reset", "file", "color"].includes(target.type);
}

/** Whether Enter already means something where the focus is. */
export function ownsEnter(target: EventTarget | null): boolean {
  return (
    isTyping(target) ||
    (target instanceof Element &&
      target.closest("button, a[href], summary, select, input:not(:is([type=radio], [type=checkbox]))") !== null)
  );
}

/** Esc in a field leaves it, so that single keys work again. */
export function leaveField(event: KeyboardEvent): void {
  if (event.key !== "Escape" || !isTyping(event.target) || isDialogOpen()) return;
  (event.target as HTMLElement).blur();
}

export interface KeyHandlers {
  action(action: string): void;
  disposition(key: number): void;
  primary(): void;
  save(): void;
  help(): void;
}

/** Listen; the returned function stops. `keys` without single keys still has Enter, Ctrl+Enter and what `always` names. */
export function listen(keys: KeyMap, off: boolean, handlers: KeyHandlers, always: readonly string[] = []): () => void {
  const bindings: Record<string, (event: KeyboardEvent) => void> = {
    Enter: (event) => {
      if (event.repeat || ownsEnter(event.target) || isDialogOpen()) return;
      event.preventDefault();
      handlers.primary();
    },
    "$mod+Enter": (event) => {
      if (event.repeat || isDialogOpen()) return;
      event.preventDefault();
      handlers.save();
    },
  };
  const single = (run: () => void) => (event: KeyboardEvent) => {
    if (event.repeat || isTyping(event.target) || isDialogOpen()) return;
    event.preventDefault();
    run();
  };
  for (const [action, code] of Object.entries(keys)) {
    if (!off || always.includes(action)) bindings[code] = single(() => handlers.action(action));
  }
  if (!off) {
    const taken = new Set(Object.values(keys));
    for (let n = 1; n <= 9; n++) {
      if (!taken.has(`Digit${n}`)) bindings[`Digit${n}`] = single(() => handlers.disposition(n));
      bindings[`Numpad${n}`] = single(() => handlers.disposition(n));
    }
    bindings["Shift+?"] = bindings["Shift+Slash"] = single(() => handlers.help());
  }
  return tinykeys(window, bindings);
}

export function isDialogOpen(): boolean {
  return document.querySelector("dialog[open]") !== null;
}
