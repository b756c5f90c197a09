// Red flags come to an open page by themselves. Without this script the page works as it is, and a reload shows
// them. Events say only that something changed; the page itself is asked for what.
const place = document.getElementById("red-flags");
if (place) {
  let known = null;
  let waiting = false;

  const refresh = async () => {
    if (waiting) return;
    waiting = true;
    try {
      const answer = await fetch(location.href, { headers: { Accept: "text/html" } });
      if (answer.status === 401) location.reload(); // The session has ended: nothing stays on the screen.
      if (answer.ok) {
        const page = new DOMParser().parseFromString(await answer.text(), "text/html");
        place.replaceChildren(...page.getElementById("red-flags").childNodes);
        const lists = document.querySelector(".lists");
        lists.replaceChildren(...page.querySelector(".lists").childNodes);
        if (place.dataset.live === "red-flag") {
          const table = page.querySelector("main > .scroll, main > .empty");
          const shown = document.querySelector("main > .scroll, main > .empty");
          if (table && shown) shown.replaceWith(table);
        }
      }
    } finally {
      waiting = false;
    }
  };

  const notice = (state) => {
    if (known !== null && state !== known) refresh();
    known = state;
  };

  let polling = null;
  const source = new EventSource("/worklist/events");
  source.addEventListener("red-flags", (event) => notice(event.data));
  source.onopen = () => {
    place.dataset.state = "live";
    clearInterval(polling);
    polling = null;
  };
  source.onerror = () => {
    place.dataset.state = "polling";
    polling ??= setInterval(refresh, 5000);
  };
}
const faults = document.querySelector(".faults");
if (faults) faults.focus();
