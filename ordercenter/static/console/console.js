// Small helps of the console's pages. Every page works without them.
"use strict";

const inField = (element) => element.closest("input:not([type=checkbox], [type=radio]), textarea, select, [contenteditable]") !== null;

// Single keys press the button or focus the field that names them; never while Chinese input is being composed.
document.addEventListener("keydown", (event) => {
  if (event.isComposing || event.key === "Process" || event.keyCode === 229) return;
  if (event.ctrlKey || event.metaKey || event.altKey || inField(event.target)) return;
  if (event.key === "/") {
    const find = document.getElementById("find");
    if (find) { event.preventDefault(); find.focus(); }
    return;
  }
  if (event.key === "j" || event.key === "k") { moveRow(event.key === "j" ? 1 : -1); return; }
  // A key held down goes on in the page that comes next, and nobody has looked at what stands there.
  if (event.repeat) return;
  if (choose(event)) { event.preventDefault(); return; }
  const target = document.querySelector(`[data-key="${CSS.escape(event.key.toLowerCase())}"]`);
  if (!target) return;
  event.preventDefault();
  if (target.tagName === "BUTTON") target.click(); else target.focus();
});

// An open menu of the bar closes with Escape and with a click elsewhere.
const closeMenus = (except) => {
  for (const menu of document.querySelectorAll(".top details[open]")) if (menu !== except) menu.open = false;
};
document.addEventListener("click", (event) => closeMenus(event.target.closest(".top details")));
document.addEventListener("keydown", (event) => {
  const open = event.key === "Escape" && document.querySelector(".top details[open]");
  if (!open) return;
  open.open = false;
  open.querySelector("summary").focus();
});

function moveRow(step) {
  const links = [...document.querySelectorAll("[data-row]")];
  const at = links.indexOf(document.activeElement.closest("[data-row]"));
  const next = links[Math.min(links.length - 1, Math.max(0, at + step))];
  if (next) next.focus();
}

// In a row that offers choices, 1 to 9 takes one and Enter sends the row's form.
function choose(event) {
  const row = document.activeElement.closest("[data-choices]");
  if (!row) return false;
  if (event.key === "Enter") {
    // On a link, a button or a choice the browser knows what to do.
    if (document.activeElement !== row) return false;
    const form = row.querySelector("form");
    if (form) form.requestSubmit();
    return form !== null;
  }
  const box = /^[1-9]$/.test(event.key) ? row.querySelectorAll("input[type=radio]")[event.key - 1] : null;
  if (!box) return false;
  box.checked = true;
  return true;
}

// A page that is worked through from the top begins with its first row.
document.addEventListener("DOMContentLoaded", () => {
  const list = document.querySelector("[data-begin]");
  const first = list && list.querySelector("[data-row]");
  if (first) first.focus({ preventScroll: true });
});

// The box in the head of a table ticks all boxes of its name.
document.addEventListener("change", (event) => {
  const name = event.target.dataset.all;
  if (!name) return;
  for (const box of document.querySelectorAll(`input[type=checkbox][name="${CSS.escape(name)}"]`)) box.checked = event.target.checked;
});

// After a panel has been exchanged: mark its row, and let the reader's place follow.
document.addEventListener("htmx:afterSwap", (event) => {
  if (event.target.id !== "panel") return;
  const link = event.detail.requestConfig.elt;
  for (const row of document.querySelectorAll("tr.here")) { row.classList.remove("here"); row.removeAttribute("aria-current"); }
  const row = link.closest("tr");
  if (row) { row.classList.add("here"); row.setAttribute("aria-current", "true"); }
  event.target.focus({ preventScroll: true });
});

// A form that does something once is sent once: its buttons rest until the page is shown again.
document.addEventListener("submit", (event) => {
  if (!event.target.matches("form[data-once]")) return;
  setTimeout(() => { for (const button of event.target.querySelectorAll("button")) button.disabled = true; });
});
addEventListener("pageshow", (event) => {
  if (event.persisted) for (const button of document.querySelectorAll("form[data-once] button:disabled")) button.disabled = false;
});
