// Fetches what is live on a page every few seconds. Without it the pages work, they only stand still.
"use strict";

(function () {
  const place = document.querySelector("[data-refresh]");
  if (!place) return;
  const every = Number(place.dataset.every) * 1000;
  const spoken = document.getElementById(place.dataset.spoken);
  const stale = document.getElementById("stale");
  let last = place.innerHTML;
  let said = sayings();
  let timer = window.setTimeout(refresh, every);

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

  async function fetched() {
    try {
      const answer = await fetch(place.dataset.refresh, {
        credentials: "same-origin",
        redirect: "error",
        cache: "no-store",
      });
      return answer.ok ? await answer.text() : null;
    } catch (error) {
      // The server is away, or the login has ended and it sends to its page.
      return null;
    }
  }

  // A page that nobody sees asks nothing.
  async function refresh() {
    window.clearTimeout(timer);
    if (document.hidden) return;
    const html = await fetched();
    if (html !== null) show(html);
    if (stale) stale.hidden = html !== null;
    window.clearTimeout(timer);
    timer = window.setTimeout(refresh, every);
  }

  document.addEventListener("visibilitychange", refresh);
})();
