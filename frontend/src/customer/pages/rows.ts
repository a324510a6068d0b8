// Lists of rows in a form (questions, outcomes, managers): add, move, remove. A row that is removed is marked and hidden, so
// that nothing is lost before "Save".

for (const form of document.querySelectorAll<HTMLFormElement>("form[data-rows]")) enhance(form);

function enhance(form: HTMLFormElement): void {
  const prefix = form.dataset.rows ?? "";
  const list = form.querySelector<HTMLElement>("[data-rows-list]");
  const template = form.querySelector<HTMLTemplateElement>("template[data-rows-template]");
  const total = form.querySelector<HTMLInputElement>(`[name="${prefix}-TOTAL_FORMS"]`);
  const status = form.querySelector<HTMLElement>("[data-rows-status]");
  if (!list || !template || !total) return;
  const say = (text: string): void => {
    if (status) status.textContent = text;
  };
  const shown = (): HTMLElement[] => [...list.querySelectorAll<HTMLElement>("li")].filter((row) => !row.hidden);

  function dress(row: HTMLElement): void {
    for (const plain of row.querySelectorAll<HTMLElement>(".row-order, .row-delete")) plain.hidden = true;
    for (const tool of row.querySelectorAll<HTMLElement>("[data-row-up], [data-row-down], [data-row-remove]"))
      tool.hidden = false;
    showFor(row);
  }

  function renumber(): void {
    for (const [index, row] of shown().entries()) {
      const order = row.querySelector<HTMLInputElement>('[name$="-ORDER"]');
      if (order) order.value = String(index + 1);
    }
  }

  function move(row: HTMLElement, by: number, button: HTMLElement): void {
    const rows = shown();
    const place = rows.indexOf(row);
    const other = rows[place + by];
    if (!other) return;
    if (by < 0) other.before(row);
    else other.after(row);
    renumber();
    button.focus();
    say(`${form.dataset.moved ?? ""} ${place + by + 1}`);
  }

  function remove(row: HTMLElement): void {
    const next = row.nextElementSibling ?? row.previousElementSibling;
    const mark = row.querySelector<HTMLInputElement>('[name$="-DELETE"]');
    if (mark) mark.checked = true;
    for (const field of row.querySelectorAll<HTMLInputElement>("[required]")) field.required = false;
    row.hidden = true;
    renumber();
    say(form.dataset.removed ?? "");
    (
      next?.querySelector<HTMLElement>("input:not([type=hidden]), select") ??
      form.querySelector<HTMLElement>("[data-rows-add]")
    )?.focus();
  }

  function add(): void {
    if (!list || !template || !total) return;
    const number = total.value;
    total.value = String(Number(number) + 1);
    const holder = document.createElement("template");
    holder.innerHTML = template.innerHTML.replaceAll("__prefix__", number);
    const row = holder.content.querySelector<HTMLElement>("li");
    if (!row) return;
    list.append(row);
    chooseFreeKey(row, list);
    dress(row);
    renumber();
    row.querySelector<HTMLElement>("input:not([type=hidden])")?.focus();
  }

  for (const row of list.querySelectorAll<HTMLElement>("li")) dress(row);
  if (shown().length === 0) add();
  form.querySelector("[data-rows-add]")?.addEventListener("click", add);
  list.addEventListener("click", (event) => {
    const button = (event.target as Element).closest<HTMLElement>("button");
    const row = button?.closest<HTMLElement>("li");
    if (!button || !row) return;
    if (button.matches("[data-row-up]")) move(row, -1, button);
    else if (button.matches("[data-row-down]")) move(row, 1, button);
    else if (button.matches("[data-row-remove]")) remove(row);
  });
  list.addEventListener("change", (event) => {
    const row = (event.target as Element).closest<HTMLElement>("li");
    if (row) showFor(row);
  });
}

/** Choices are asked for only when the answer is a choice. */
function showFor(row: HTMLElement): void {
  const kind = row.querySelector<HTMLSelectElement>('[name$="-kind"]')?.value;
  for (const part of row.querySelectorAll<HTMLElement>("[data-shown-for]"))
    part.hidden = part.dataset.shownFor !== kind;
}

/** A new outcome takes the first key that no other row has. */
function chooseFreeKey(row: HTMLElement, list: HTMLElement): void {
  const select = row.querySelector<HTMLSelectElement>('select[name$="-key"]');
  if (!select) return;
  const taken = new Set(
    [...list.querySelectorAll<HTMLSelectElement>('li:not([hidden]) select[name$="-key"]')]
      .filter((other) => other !== select)
      .map((other) => other.value),
  );
  const free = [...select.options].find((option) => !taken.has(option.value));
  if (free) select.value = free.value;
}
