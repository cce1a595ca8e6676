// Live streams: the button of the wall's screen, and goods that are picked instead of typed.
"use strict";
document.addEventListener("click", (event) => {
  if (event.target.closest("[data-fullscreen]")) document.documentElement.requestFullscreen();
});

(() => {
  const pick = document.querySelector("[data-lines]");
  if (!pick) return;
  const lines = document.getElementById(pick.dataset.lines);
  const cells = [...pick.querySelectorAll("[data-cell]")];
  const [sku, , , price] = cells;

  // One line a SKU: the newer one takes the older one's place.
  // The server parts a line at blanks: what is left empty before something else needs a sign there.
  const put = (cells) => {
    const row = cells.map((cell, at) => cell || (at < 4 ? "-" : at === 4 ? "0" : ""));
    const rest = lines.value.split("\n").filter((line) => line.trim() && line.trim().split(/\s+/)[0] !== row[0]);
    lines.value = [...rest, row.join(" ").trim()].join("\n");
  };

  const add = () => {
    const row = cells.map((cell) => cell.value.trim());
    if (!row[0]) return sku.focus();
    put(row);
    sku.value = "";
    sku.focus();
  };
  pick.querySelector("[data-add]").addEventListener("click", add);
  pick.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || !event.target.matches("input[data-cell]")) return;
    event.preventDefault();
    // Enter that takes a suggestion goes to the next field; Enter there adds the line.
    if (event.target === sku) cells[2].select();
    else add();
  });
  sku.addEventListener("input", () => {
    const chosen = [...sku.list.options].find((option) => option.value === sku.value);
    if (chosen) price.value = chosen.dataset.price;
  });

  document.getElementById("pick-file").addEventListener("change", async (event) => {
    const bytes = await event.target.files[0].arrayBuffer();
    let text;
    try { text = new TextDecoder("utf-8", { fatal: true }).decode(bytes); } catch { text = new TextDecoder("gb18030").decode(bytes); }
    for (const line of text.replace(/^\uFEFF/, "").split(/\r?\n/)) {
      const row = line.split(/[,;\t]/).map((cell) => cell.trim().replace(/^"|"$/g, ""));
      // A head of columns has no pieces.
      if (row[0] && /^\d+$/.test(row[2] ?? "")) put(row);
    }
    event.target.value = "";
  });
})();
