// Everything works without, but for these two.
"use strict";
// A file that somebody chooses goes into a field of its form, as base64, or as the text that it is.
document.querySelectorAll("input[type=file][data-into]").forEach((chosen) => {
  const form = chosen.form;
  const button = form.querySelector("button");
  chosen.addEventListener("change", () => {
    const field = form.elements[chosen.dataset.into];
    field.value = "";
    button.disabled = true;
    const [file] = chosen.files;
    const ready = () => { button.disabled = !form.elements.component.value; };
    if (!file) return ready();
    const reader = new FileReader();
    reader.onload = () => {
      field.value = chosen.dataset.text ? reader.result.trim() : reader.result.slice(reader.result.indexOf(",") + 1);
      ready();
    };
    if (chosen.dataset.text) reader.readAsText(file); else reader.readAsDataURL(file);
  });
});
// Fetches the live part of a page again each second, and puts it in the place of the old one.
(() => {
  const live = document.getElementById("live");
  const state = document.getElementById("live-state");
  if (!live) return;
  const say = (text) => { if (state.textContent !== text) state.textContent = text; };
  const refresh = async () => {
    try {
      const answer = await fetch(live.dataset.refresh, { headers: { "mm4relay-by-itself": "yes" }, redirect: "manual" });
      if (answer.type === "opaqueredirect" || answer.status === 401) {
        say("Your session is over: load this page again to log in.");
        return;
      }
      if (!answer.ok) throw new Error(answer.status);
      // Somebody who walks through the page by keyboard must not be thrown back to its beginning.
      const focused = live.contains(document.activeElement) && document.activeElement.matches("a, [tabindex]");
      const places = [...live.querySelectorAll("a, [tabindex]")];
      const place = focused ? places.indexOf(document.activeElement) : -1;
      const scrolled = [...live.querySelectorAll(".wide")].map((box) => box.scrollLeft);
      // Written by the server, which escapes what strangers wrote; the page's policy lets nothing in it run.
      live.innerHTML = await answer.text();
      live.querySelectorAll(".wide").forEach((box, at) => { box.scrollLeft = scrolled[at] || 0; });
      if (place >= 0) live.querySelectorAll("a, [tabindex]")[place]?.focus({ preventScroll: true });
      say("Refreshed each second.");
    } catch {
      say("The relay does not answer; this is what it said last.");
    }
    setTimeout(refresh, document.hidden ? 5000 : 1000);
  };
  setTimeout(refresh, 1000);
})();
