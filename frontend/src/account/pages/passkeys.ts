// Passkeys: the browser's dialogue failed or was closed. Say so where messages stand, and what else can be done.

document.addEventListener("allauth.error", (event) => {
  const sentence = document.getElementById("passkey_failed")?.textContent?.trim();
  const messages = document.getElementById("messages");
  if (!sentence || !messages) return; // not one of our pages: the library writes it to the console
  event.preventDefault();
  const alert = document.createElement("div");
  alert.className = "alert alert-danger";
  alert.textContent = sentence;
  messages.replaceChildren(alert);
});
