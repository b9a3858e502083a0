"use strict";
// What the report can do beyond being read: fill in a cut, find words in the examples, unfold all for print.
document.documentElement.classList.add("scripted");
const slider = document.getElementById("cut-slider");
if (slider) {
  const documents = JSON.parse(slider.dataset.documents), bytes = JSON.parse(slider.dataset.bytes);
  const meanings = JSON.parse(slider.dataset.meanings);
  const size = (n) => {
    for (const unit of ["B", "kB", "MB", "GB"]) {
      if (n < 999.5) return unit === "B" ? `${Math.round(n)} B` : `${n.toFixed(1)} ${unit}`;
      n /= 1000;
    }
    return `${n.toFixed(1)} TB`;
  };
  const percent = (share) => `${(100 * share).toFixed(1)}%`;
  const fill = () => {
    const place = Number(slider.value), cut = place / documents.length;
    const sum = (numbers, from) => numbers.slice(from).reduce((a, b) => a + b, 0);
    const kept = sum(documents, place), keptBytes = sum(bytes, place), all = sum(documents, 0) || 1;
    const near = meanings.filter((each) => Math.abs(each[0] - cut) < 0.011)[0];
    const known = near ? ` On annotated pages: ${percent(near[1])} of what such a cut keeps is educational, and it keeps ${percent(near[2])} of what is.` : "";
    document.getElementById("cut-value").textContent = cut.toFixed(2);
    document.getElementById("cut-told").textContent =
      `${kept.toLocaleString("en")} of ${all.toLocaleString("en")} scored documents (${percent(kept / all)}), ${size(keptBytes)}, about ${Number((keptBytes / 4.5).toPrecision(2)).toLocaleString("en")} tokens.${known}`;
    document.getElementById("cut-command").textContent = `${slider.dataset.command} --threshold ${cut.toFixed(2)}`;
  };
  slider.addEventListener("input", fill);
  fill();
}
const finder = document.getElementById("find");
if (finder) {
  finder.addEventListener("input", () => {
    const wanted = finder.value.toLowerCase();
    for (const each of document.querySelectorAll("#examples details")) {
      each.hidden = wanted !== "" && !each.textContent.toLowerCase().includes(wanted);
    }
  });
}
let unfolded = [];
addEventListener("beforeprint", () => {
  unfolded = [...document.querySelectorAll("details:not([open])")];
  for (const each of unfolded) each.open = true;
});
addEventListener("afterprint", () => {
  for (const each of unfolded) each.open = false;
});
