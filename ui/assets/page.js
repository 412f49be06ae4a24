// Small comforts. Every page works without them.
"use strict";

// Show what is typed into a password field.
for (const input of document.querySelectorAll("input[type=password]")) {
  const button = document.createElement("button");
  button.type = "button";
  button.className = "peek";
  button.textContent = "Show";
  const label = input.labels[0].textContent;
  button.setAttribute("aria-label", "Show: " + label);
  button.setAttribute("aria-pressed", "false");
  button.addEventListener("click", () => {
    const show = input.type === "password";
    input.type = show ? "text" : "password";
    button.textContent = show ? "Hide" : "Show";
    button.setAttribute("aria-pressed", String(show));
  });
  const box = document.createElement("div");
  box.className = "peekable";
  input.replaceWith(box);
  box.append(input, button);
}

// A form is sent once, however often its button is pressed.
for (const form of document.querySelectorAll("form")) {
  form.addEventListener("submit", (event) => {
    if (form.dataset.sent) {
      event.preventDefault();
      return;
    }
    form.dataset.sent = "yes";
    // No password is shown while it is sent, or kept by the browser as a plain text field's.
    for (const input of form.querySelectorAll(".peekable input")) input.type = "password";
  });
}
addEventListener("pageshow", () => {
  for (const form of document.querySelectorAll("form")) delete form.dataset.sent;
});

// What is wrong comes first for those who can't see it.
document.getElementById("errors")?.focus({ preventScroll: true });
