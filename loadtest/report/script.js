"use strict";
// What the tooltips say moves into the legends, in all plots over the same axis at once; without this script they stay tooltips.
const followers = new Map();

for (const plot of document.querySelectorAll("figure.plot")) {
  const group = plot.querySelector(".moments");
  if (!group) continue;
  const over = group.dataset.over;
  const moments = [...group.children].map((moment) => {
    const title = moment.querySelector("title");
    const lines = title.textContent.split("\n");
    title.remove();
    return { moment, lines };
  });
  const svg = plot.querySelector("svg[role=img]");
  const name = svg.querySelector("title");
  svg.setAttribute("aria-label", name.textContent);
  name.remove();
  const fields = [plot.querySelector(".when"), ...plot.querySelectorAll(".legend li:not(.when, .fixed) b")];
  const rest = fields.map((field) => field.textContent);
  let shown = null;

  const show = (position) => {
    shown?.classList.remove("now");
    const { moment, lines } = moments[position] ?? {};
    shown = moment;
    shown?.classList.add("now");
    fields.forEach((field, row) => {
      field.textContent = !lines ? rest[row] : row ? lines[row].slice(lines[row].lastIndexOf(": ") + 2) : lines[0];
    });
  };
  if (!followers.has(over)) followers.set(over, []);
  followers.get(over).push(show);
  const tell = (position) => followers.get(over).forEach((follow) => follow(position));
  moments.forEach(({ moment }, position) => moment.addEventListener("pointerenter", () => tell(position)));
  svg.addEventListener("pointerleave", () => tell(-1));
}

const download = document.getElementById("download");
download.hidden = false;
download.addEventListener("click", () => {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([document.getElementById("document").textContent], { type: "application/json" }));
  link.download = "figures.json";
  link.click();
  URL.revokeObjectURL(link.href);
});
