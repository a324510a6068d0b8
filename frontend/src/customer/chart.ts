// The small chart by hour: calls, conversations, agreed. Beside it stands a table with the same numbers.
import uPlot from "uplot";

export interface Hours {
  hours: number[];
  calls: number[];
  conversations: number[];
  agreed: number[];
}

const HEIGHT = 190;

function colour(name: string): string {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}

function bars(size: number): uPlot.Series.PathBuilder {
  const build = uPlot.paths.bars;
  if (!build) throw new Error("uPlot has no bars");
  return build({ size: [size, 40], radius: 0.15 });
}

export class HourChart {
  private plot: uPlot | undefined;
  private hours: Hours | undefined;

  constructor(
    private readonly holder: HTMLElement,
    private readonly rows: HTMLElement,
  ) {
    new ResizeObserver(() => this.plot?.setSize({ width: holder.clientWidth, height: HEIGHT })).observe(holder);
    window.matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.draw());
  }

  async load(url: string): Promise<void> {
    const answer = await fetch(url, { headers: { Accept: "application/json" } });
    if (!answer.ok) return; // the numbers above stay; the next event tries again
    this.hours = (await answer.json()) as Hours;
    this.draw();
    this.fillTable();
  }

  private draw(): void {
    if (!this.hours) return;
    this.plot?.destroy();
    const { hours, calls, conversations, agreed } = this.hours;
    const ink = colour("--ink-soft");
    const edge = colour("--edge");
    const language = document.documentElement.lang;
    const names = (this.holder.dataset.series ?? "").split("|");
    const series = (label: string, fill: string, size: number): uPlot.Series => ({
      label,
      fill,
      stroke: fill,
      width: 0,
      paths: bars(size),
      points: { show: false },
    });
    const timeZone = this.holder.dataset.zone ?? "UTC";
    const hourOf = new Intl.DateTimeFormat(language, {
      hour: "2-digit",
      minute: "2-digit",
      hourCycle: "h23",
      timeZone,
    });
    const dayOf = new Intl.DateTimeFormat(language, { day: "numeric", month: "short", timeZone });
    const isMidnight = (at: number): boolean => uPlot.tzDate(new Date(at * 1000), timeZone).getHours() === 0;
    const axis = {
      stroke: ink,
      grid: { stroke: edge, width: 1 },
      ticks: { show: false },
      font: "12px system-ui, sans-serif",
    };
    this.plot = new uPlot(
      {
        width: this.holder.clientWidth,
        height: HEIGHT,
        legend: { show: false },
        tzDate: (at) => uPlot.tzDate(new Date(at * 1000), timeZone),
        cursor: { show: false },
        padding: [12, 8, 0, 0],
        scales: {
          x: { time: true, range: (_plot, min, max) => [min - 1800, max + 1800] },
          y: { range: (_plot, _min, max) => [0, Math.max(4, max * 1.1)] },
        },
        axes: [
          {
            ...axis,
            grid: { show: false },
            incrs: [1, 2, 3, 6, 12, 24].map((count) => count * 3600),
            values: (_plot, ticks) => ticks.map((at) => (isMidnight(at) ? dayOf : hourOf).format(at * 1000)),
          },
          {
            ...axis,
            size: 40,
            values: (_plot, ticks) => ticks.map((value) => (Number.isInteger(value) ? String(value) : "")),
          },
        ],
        series: [
          {},
          series(names[0] ?? "", colour("--chart-calls"), 0.8),
          series(names[1] ?? "", colour("--chart-talks"), 0.55),
          series(names[2] ?? "", colour("--accent-fill"), 0.3),
        ],
      },
      [hours, calls, conversations, agreed],
      this.holder,
    );
  }

  private fillTable(): void {
    if (!this.hours) return;
    const { hours, calls, conversations, agreed } = this.hours;
    const when = new Intl.DateTimeFormat(document.documentElement.lang, {
      day: "numeric",
      month: "short",
      hour: "2-digit",
      minute: "2-digit",
      hourCycle: "h23",
      timeZone: this.holder.dataset.zone ?? "UTC",
    });
    this.rows.replaceChildren(
      ...hours.map((hour, index) => {
        const row = document.createElement("tr");
        const head = document.createElement("th");
        head.scope = "row";
        head.textContent = when.format(hour * 1000);
        row.append(head);
        for (const value of [calls[index], conversations[index], agreed[index]]) {
          const cell = document.createElement("td");
          cell.className = "num";
          cell.textContent = String(value ?? 0);
          row.append(cell);
        }
        return row;
      }),
    );
  }
}
