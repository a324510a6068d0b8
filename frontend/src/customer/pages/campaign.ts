// The live page of a campaign: numbers, chart and results follow what happens; filters and the player work on top of it.
import type { ExchangeEvent } from "../../events/stream.ts";
import { startPlayer } from "../../recordings/player.ts";
import { HourChart } from "../chart.ts";
import { Live, paced, pageData } from "../live.ts";

const { campaign = "", after = "0", hours = "" } = pageData();
const ours = (event: ExchangeEvent): boolean => event.payload.campaign === campaign;

function refresh(name: string): void {
  document.body.dispatchEvent(new CustomEvent(name));
}

const holder = document.querySelector<HTMLElement>("#hours");
const rows = document.querySelector<HTMLElement>("#hours-rows");
const chart = holder && rows ? new HourChart(holder, rows) : undefined;
const drawHours = paced(() => void chart?.load(hours), 15_000);
const refreshFigures = paced(() => refresh("refresh-figures"), 1_000);
// Rows are not exchanged under the hands of somebody who stands in them by keyboard; they come when the focus has left.
const results = document.querySelector<HTMLElement>("#results");
let waiting = false;
const refreshResults = paced(() => {
  waiting = results?.contains(document.activeElement) ?? false;
  if (!waiting) refresh("refresh-results");
}, 1_500);
results?.addEventListener("focusout", () => {
  if (waiting) window.setTimeout(refreshResults, 200);
});
const refreshWhy = paced(() => refresh("refresh-why"), 5_000);
const refreshExports = paced(() => refresh("refresh-exports"), 500);

startPlayer();
drawHours();

const live = new Live(Number(after));
live.on(["contact.disposed", "call.wrapped_up", "recording.ready"], (event) => {
  if (!ours(event)) return;
  refreshFigures();
  refreshResults();
  refreshWhy();
  drawHours();
});
live.on(["contact.assigned", "contact.released", "contact.added"], (event) => {
  if (ours(event)) refreshFigures();
});
live.on(["campaign.started", "campaign.paused", "campaign.finished"], (event) => {
  if (ours(event)) window.location.reload();
});
live.on(["balance.changed"], () => refreshFigures());
live.on(["export.progressed"], (event) => {
  if (ours(event)) refreshExports();
});
live.onGap(() => window.location.reload());
