// Conditions of rules: rows and groups are added, moved and taken out here; the names of the inputs, by which the server
// reads them, follow from where they stand. Without this file a form has spare rows and one spare group at each place.
"use strict";
for (const form of document.querySelectorAll("[data-condition-form]")) edit(form);

function edit(form) {
  const deepest = Number(form.dataset.deepest), root = form.querySelector("[data-condition]"), blank = form.querySelector("template");
  for (const spare of form.querySelectorAll("[data-spare]")) spare.remove();
  for (const group of form.querySelectorAll("[data-condition]")) for (const row of rows(group)) if (!row.querySelector("select").value && rows(group).length > 1) row.remove();
  settle();

  form.addEventListener("click", (event) => {
    const button = event.target.closest("[data-condition-do]");
    if (!button) return;
    const group = button.closest("[data-condition]"), details = button.closest("[data-condition-group]");
    const focus = { row: () => addRow(group), group: () => addGroup(group), "drop-row": () => dropRow(button), drop: () => drop(details), out: () => out(details), in: () => into(details) }[button.dataset.conditionDo]();
    settle();
    if (focus) focus.focus();
  });

  function rows(group) { return [...group.querySelectorAll(":scope > [data-condition-row]")]; }
  function groups(group) { return [...group.querySelectorAll(":scope > [data-condition-group]")]; }
  function own(details) { return details.querySelector(":scope > [data-condition]"); }
  function holder(details) { return details.parentElement.closest("[data-condition]"); }
  function depth(group) { let n = 1; while ((group = group.parentElement.closest("[data-condition]"))) n += 1; return n; }
  function height(group) { return 1 + Math.max(0, ...groups(group).map((each) => height(own(each)))); }
  function above(details) { const before = details.previousElementSibling; return before && before.matches("[data-condition-group]") ? before : null; }

  function addRow(group) {
    const last = rows(group).pop(), fresh = last.cloneNode(true);
    for (const input of fresh.querySelectorAll("[data-part]")) { if (input.tagName === "SELECT") input.selectedIndex = 0; else input.value = ""; }
    last.after(fresh);
    return fresh.querySelector("select");
  }
  function addGroup(group) {
    group.querySelector(":scope > .verbs").before(blank.content.cloneNode(true));
    return groups(group).pop().querySelector("select");
  }
  function dropRow(button) {
    const row = button.closest("[data-condition-row]"), group = row.closest("[data-condition]"), all = rows(group);
    if (all.length === 1) addRow(group);
    const next = row.nextElementSibling.matches("[data-condition-row]") ? row.nextElementSibling : all[all.indexOf(row) - 1] || rows(group).pop();
    row.remove();
    return next.querySelector("select");
  }
  function drop(details) {
    const group = holder(details);
    details.remove();
    return group.querySelector(":scope > .verbs button");
  }
  function out(details) {
    holder(details).closest("[data-condition-group]").after(details);
    return details.querySelector("summary");
  }
  function into(details) {
    own(above(details)).querySelector(":scope > .verbs").before(details);
    return details.querySelector("summary");
  }

  // Names by place, and only those buttons that can do something there.
  function settle() {
    name(root, root.dataset.condition);
    for (const button of form.querySelectorAll("[data-condition-do]")) {
      const group = button.closest("[data-condition]"), details = button.closest("[data-condition-group]");
      const can = { group: () => depth(group) < deepest, out: () => depth(holder(details)) > 1, in: () => above(details) && depth(own(above(details))) + height(own(details)) <= deepest }[button.dataset.conditionDo];
      button.hidden = can ? !can() : false;
    }
  }
  function name(group, prefix) {
    group.dataset.condition = prefix;
    group.querySelector(":scope > .mode select").name = `${prefix}c`;
    rows(group).forEach((row, n) => { for (const input of row.querySelectorAll("[data-part]")) input.name = `${prefix}${input.dataset.part}${n}`; });
    groups(group).forEach((details, n) => name(own(details), `${prefix}g${n}_`));
  }
}
