// The wallboard: figures come as server-sent events and are put in as text, never as markup.
"use strict";

const board = document.getElementById("board");
const stale = document.getElementById("stale");
const events = new EventSource("/wallboard/events?profile=" + encodeURIComponent(board.dataset.profile));

const labels = JSON.parse(board.dataset.labels);

function named(key) {
  return labels[key] ?? key;
}

function row(values) {
  const line = document.createElement("tr");
  for (const value of values) {
    const cell = document.createElement("td");
    cell.textContent = value ?? "";
    line.append(cell);
  }
  return line;
}

function fill(id, counts) {
  const rows = Object.entries(counts ?? {}).sort((a, b) => Number(b[1]) - Number(a[1]));
  document.getElementById(id).replaceChildren(...rows.map(([key, count]) => row([named(key), count])));
}

events.onopen = () => { stale.hidden = true; };
events.onerror = () => { stale.hidden = false; };
events.onmessage = (message) => {
  const told = JSON.parse(message.data);
  for (const figure of board.querySelectorAll("[data-figure]")) {
    figure.textContent = told[figure.dataset.figure] ?? "0";
  }
  document.getElementById("at").textContent = new Date(told.at).toLocaleTimeString(document.documentElement.lang, { timeZone: board.dataset.zone });
  fill("channels", told.byChannel);
  fill("teams", told.byTeam);
  const lines = (told.latest ?? []).map((line) => row([line.number, line.title, named(line.state), line.assignee]));
  document.getElementById("latest").replaceChildren(...lines);
};
