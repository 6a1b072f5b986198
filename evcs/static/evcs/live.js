// Fetches what is live on a page every few seconds. Without it the pages work, they only stand still.
"use strict";

(function () {
  const place = document.querySelector("[data-refresh]");
  if (!place) return;
  const every = Number(place.dataset.every) * 1000;
  const spoken = document.getElementById(place.dataset.spoken);
  let last = place.innerHTML;
  let said = sayings();

  function sayings() {
    return Array.from(place.querySelectorAll("[data-spoken]"), (one) => one.dataset.spoken);
  }

  // A screen reader hears what changed in words, not every watt.
  function speak() {
    const now = sayings();
    const changed = now.filter((text) => !said.includes(text));
    said = now;
    if (spoken && changed.length) spoken.textContent = changed.join(". ");
  }

  function show(html) {
    if (html === last) return;
    last = html;
    const focused = document.activeElement && document.activeElement.id;
    place.innerHTML = html;
    const again = focused && document.getElementById(focused);
    if (again && place.contains(again)) again.focus();
    speak();
  }

  async function refresh() {
    if (!document.hidden) {
      try {
        const answer = await fetch(place.dataset.refresh, {
          credentials: "same-origin",
          redirect: "error",
          cache: "no-store",
        });
        if (answer.ok) {
          show(await answer.text());
          place.classList.remove("stale");
        } else {
          place.classList.add("stale");
        }
      } catch (error) {
        // The server is away, or the login has ended: what is shown is old, and looks so.
        place.classList.add("stale");
      }
    }
    window.setTimeout(refresh, every);
  }

  document.addEventListener("visibilitychange", function () {
    if (document.hidden) place.classList.add("stale");
  });
  window.setTimeout(refresh, every);
})();
