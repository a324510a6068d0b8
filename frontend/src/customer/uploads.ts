// The step "contacts": a file dropped or chosen is sent with its progress; an import on its way moves its bar by events.
import type { ExchangeEvent } from "../events/stream.ts";
import type { Live } from "./live.ts";

interface Progress {
  id: string;
  campaign: string;
  state: string;
  rows: number;
  total: number;
}

interface Htmx {
  ajax(verb: string, url: string, options: { target: string; swap: string }): Promise<void>;
}

export function watchUploads(live: Live, campaign: string): void {
  document.addEventListener("dragover", (event) => {
    const zone = dropZone(event);
    if (!zone) return;
    event.preventDefault();
    zone.classList.add("is-over");
  });
  document.addEventListener("dragleave", (event) => dropZone(event)?.classList.remove("is-over"));
  document.addEventListener("drop", (event) => {
    const zone = dropZone(event);
    const files = event.dataTransfer?.files;
    if (!zone || !files?.length) return;
    event.preventDefault();
    zone.classList.remove("is-over");
    const input = zone.querySelector<HTMLInputElement>("input[type=file]");
    if (!input) return;
    input.files = files;
    send(input);
  });
  document.addEventListener("change", (event) => {
    const input = event.target as HTMLInputElement;
    if (input.matches("[data-drop] input[type=file]") && input.files?.length) send(input);
  });
  document.body.addEventListener("htmx:xhr:progress", (event) => {
    if (!(event.target as Element).matches("form[enctype]")) return;
    const { loaded, total } = (event as CustomEvent<{ loaded: number; total: number }>).detail;
    const bar = document.querySelector<HTMLProgressElement>("[data-sending]");
    if (!bar || !total) return;
    bar.hidden = false;
    bar.value = loaded / total;
  });
  live.on(["import.progressed"], (event) => progressed(event, campaign));
  live.onGap(() => reloadStep());
}

/** Send the chosen file, unless it is larger than the exchange takes: that is said before it has been sent in vain. */
function send(input: HTMLInputElement): void {
  const most = Number(input.dataset.maxBytes) || Number.POSITIVE_INFINITY;
  const tooLarge = (input.files?.[0]?.size ?? 0) > most;
  input.setCustomValidity(tooLarge ? (input.dataset.tooLarge ?? "") : "");
  if (input.reportValidity()) input.form?.requestSubmit();
}

function dropZone(event: Event): HTMLElement | null {
  return event.target instanceof Element ? event.target.closest<HTMLElement>("[data-drop]") : null;
}

function progressed(event: ExchangeEvent, campaign: string): void {
  const progress = event.payload as unknown as Progress;
  if (progress.campaign !== campaign) return;
  const bar = document.querySelector<HTMLProgressElement>(`progress[data-import="${progress.id}"]`);
  const moving = progress.state === "running" || progress.state === "queued";
  if (!bar || !moving) {
    reloadStep();
    return;
  }
  bar.max = Math.max(1, progress.total);
  bar.value = progress.rows;
  const count = document.querySelector<HTMLElement>(`[data-import-rows="${progress.id}"]`);
  if (count) count.textContent = progress.rows.toLocaleString(document.documentElement.lang);
}

function reloadStep(): void {
  const step = document.querySelector<HTMLElement>("#contacts-step");
  if (!step?.dataset.url) return;
  void (window as unknown as { htmx: Htmx }).htmx.ajax("GET", step.dataset.url, {
    target: "#contacts-step",
    swap: "outerHTML",
  });
}
