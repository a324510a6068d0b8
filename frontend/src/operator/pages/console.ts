// The operator's console: one page for the shift.
import type { KeyMap, Shortcuts } from "../../keys/bindings.ts";
import { loadTexts, readJson } from "../../net/texts.ts";
import { Console, type Urls } from "../console.ts";
import type { ConsoleState } from "../state.ts";

loadTexts("texts");
const keys = readJson<{ defaults: KeyMap; own: Shortcuts }>("keys");
new Console(readJson<ConsoleState>("state"), readJson<Urls>("urls"), keys.defaults, keys.own).start();
