// For the ear: each sentence is an addition to its live region, so that none is replaced before it was read.
const KEPT = 4;
const STAYS_MS = 15_000; // then whoever reads the page line by line does not come across it any more

export function sayAloud(region: HTMLElement, sentence: string): void {
  const line = document.createElement("p");
  line.textContent = sentence;
  region.append(line);
  while (region.childElementCount > KEPT) region.firstElementChild?.remove();
  window.setTimeout(() => line.remove(), STAYS_MS);
}
