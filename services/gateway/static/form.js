// Shows only the fields that the chosen type and entry are asked for. Without scripts all are shown; intake judges either way.
"use strict";

const form = document.getElementById("request-form");
const chosen = (name) => (form.elements.namedItem(name) || { value: "" }).value;
const words = (text) => (text || "").split(" ").filter(Boolean);

function show() {
  const type = chosen("type");
  const entry = chosen("entry");
  for (const field of form.querySelectorAll(".field[data-types], .field[data-entries]")) {
    const types = words(field.dataset.types);
    const entries = words(field.dataset.entries);
    const asked = (!types.length || types.includes(type)) && (!entries.length || entries.includes(entry));
    field.hidden = !asked;
    for (const input of field.querySelectorAll("input, select, textarea")) {
      // What is not asked is not sent.
      input.disabled = !asked;
      input.required = asked && field.dataset.required === "1";
    }
  }
}

form.addEventListener("change", show);
show();
