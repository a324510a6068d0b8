// What every page needs: htmx, the menu of the bar, questions before what cannot be undone.
import htmx from "htmx.org";

/** Django's token for unsafe requests, from its cookie. */
export function csrfToken(): string {
  const name = document.body.dataset.csrfCookie ?? "csrftoken";
  for (const part of document.cookie.split("; ")) {
    const [key, value] = part.split("=", 2);
    if (key === name && value !== undefined) return decodeURIComponent(value);
  }
  return "";
}

document.body.addEventListener("htmx:configRequest", (event) => {
  const detail = (event as CustomEvent).detail as { verb: string; headers: Record<string, string> };
  if (detail.verb !== "get") detail.headers["X-CSRFToken"] = csrfToken();
});

// A refusal comes as a sentence for the messages' region (HX-Retarget); it is shown although its status is an error.
document.body.addEventListener("htmx:beforeSwap", (event) => {
  const detail = (event as CustomEvent).detail as { xhr: XMLHttpRequest; shouldSwap: boolean };
  if (detail.xhr.status >= 400 && detail.xhr.getResponseHeader("HX-Retarget")) detail.shouldSwap = true;
});

// Whatever else went wrong on the way is said as well; a silent button is the worst answer.
for (const name of ["htmx:sendError", "htmx:timeout", "htmx:responseError"]) {
  document.body.addEventListener(name, (event) => {
    const { xhr } = (event as CustomEvent).detail as { xhr?: XMLHttpRequest };
    if (xhr?.getResponseHeader("HX-Retarget") || (event.target as Element).matches("[hx-trigger*=every]")) return;
    const box = document.createElement("div");
    box.className = "alert alert-danger";
    const words = document.createElement("span");
    words.textContent = (xhr?.status ? document.body.dataset.failed : document.body.dataset.unreachable) ?? "";
    box.append(words);
    document.querySelector("#messages")?.replaceChildren(box);
  });
}

function closeMenus(except?: Node | null): void {
  for (const menu of document.querySelectorAll<HTMLDetailsElement>("details[data-menu][open]")) {
    if (!except || !menu.contains(except)) menu.open = false;
  }
}

// A form that came back with errors: the focus goes to the first of them, or to the sentence above the form.
const wrong = document.querySelector<HTMLElement>("main [aria-invalid='true'], main .alert-danger[role=alert]");
if (wrong) {
  if (wrong.matches(".alert")) wrong.tabIndex = -1;
  wrong.focus();
}

// What a page says when it comes ("Saved.") is only heard as a change of its live region.
const news = [...(document.querySelector("#messages")?.children ?? [])];
if (news.length > 0) {
  window.setTimeout(() => {
    for (const one of news) if (one.isConnected) one.replaceWith(one.cloneNode(true));
  }, 500);
}

document.addEventListener("click", (event) => closeMenus(event.target as Node));
document.addEventListener("focusin", (event) => closeMenus(event.target as Node));
document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape") return;
  const menu = document.querySelector<HTMLDetailsElement>("details[data-menu][open]");
  if (!menu) return;
  menu.open = false;
  menu.querySelector("summary")?.focus();
});

document.addEventListener("submit", (event) => {
  const form = event.target as HTMLFormElement;
  const question = form.dataset.confirm;
  if (question && !window.confirm(question)) event.preventDefault();
});

document.addEventListener("click", (event) => {
  const button = (event.target as Element).closest<HTMLButtonElement>("button[data-copy]");
  if (!button) return;
  const done = button.dataset.done ?? "";
  void navigator.clipboard.writeText(button.dataset.copy ?? "").then(() => {
    const label = button.querySelector("span");
    if (!label || !done) return;
    const before = label.textContent;
    label.textContent = done;
    window.setTimeout(() => {
      label.textContent = before;
    }, 2000);
  });
});

(window as unknown as { htmx: typeof htmx }).htmx = htmx;
