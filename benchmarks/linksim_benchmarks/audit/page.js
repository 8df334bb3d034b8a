
"use strict";
// Without this script everything is shown; it only hides what is not chosen.
(() => {
  const controls = document.getElementById("controls");
  if (!controls) return;
  const snr = document.getElementById("snr");
  const checkpoints = [...controls.querySelectorAll("input[name=checkpoint]")];

  const checkpoint = () => checkpoints.find((button) => button.checked)?.value ?? "both";

  function show() {
    for (const part of document.querySelectorAll("[data-snr]")) {
      part.hidden = snr !== null && part.dataset.snr !== snr.value;
    }
    for (const part of document.querySelectorAll("[data-checkpoint]")) {
      part.hidden = checkpoint() !== "both" && part.dataset.checkpoint !== checkpoint();
    }
  }

  function read() {
    const wanted = new URLSearchParams(location.hash.slice(1));
    if (snr && [...snr.options].some((option) => option.value === wanted.get("snr"))) {
      snr.value = wanted.get("snr");
    }
    const button = checkpoints.find((each) => each.value === wanted.get("checkpoint"));
    if (button) button.checked = true;
    show();
  }

  controls.addEventListener("submit", (event) => event.preventDefault());
  controls.addEventListener("change", () => {
    const chosen = new URLSearchParams();
    if (snr) chosen.set("snr", snr.value);
    if (checkpoints.length) chosen.set("checkpoint", checkpoint());
    history.replaceState(null, "", `#${chosen}`);
    show();
  });
  addEventListener("hashchange", read);
  controls.hidden = false;
  read();
})();
