// A test call waits for its moderator: what they decide appears by itself, and is said aloud.
import { EventStream } from "../../events/stream.ts";
import { byId } from "../../net/parts.ts";

const PARTS = ["test-now", "test-decided"];

async function readAnew(): Promise<void> {
  const reply = await fetch(window.location.href, { headers: { Accept: "text/html" } });
  if (!reply.ok) return;
  const page = new DOMParser().parseFromString(await reply.text(), "text/html");
  for (const id of PARTS) {
    const fresh = page.getElementById(id);
    if (fresh) byId(id).replaceChildren(...document.adoptNode(fresh).childNodes);
  }
  byId("test-told").textContent = byId("test-now").querySelector("p")?.textContent?.trim() ?? "";
}

const after = Number(document.querySelector<HTMLScriptElement>("script[data-after]")?.dataset["after"] ?? 0);
new EventStream("/events/", after, {
  event: (event) => {
    if (event.name === "test.decided") void readAnew();
  },
  reset: () => void readAnew(),
  connection: () => undefined,
  ended: (reason) => {
    if (reason === "session") window.location.reload(); // leads to the sign-in page and back
  },
});
