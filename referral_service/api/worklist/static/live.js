// Red flags come to an open page by themselves: a list shows them all, any other page those that are new. Without
// this script the page works as it is, and a reload shows them. Events say only that something changed; the page
// itself is asked for what.
const place = document.getElementById("red-flags") ?? document.getElementById("red-flag-news");
if (place) {
  const isList = place.id === "red-flags";
  let known = null; // of other pages: the red flags when it was opened
  let shown = null; // what the page is known to show
  let told = null; // what there is
  let busy = false;
  let source = null;
  let polling = null;

  // Only what differs, so that nobody loses the focus, or hears again what was said.
  const put = (old, fresh) => {
    if (!old || !fresh || old.innerHTML === fresh.innerHTML) return;
    const focused = old.contains(document.activeElement) && document.activeElement.getAttribute("href");
    old.replaceChildren(...fresh.childNodes);
    if (focused) [...old.querySelectorAll("a")].find((it) => it.getAttribute("href") === focused)?.focus();
  };

  // What is new on the list of red flags since this page was opened, a line each.
  const tell = (rows) => {
    const named = (row) => row.querySelector("th a").getAttribute("href");
    known ??= new Set(rows.map(named));
    const lines = rows.filter((row) => !known.has(named(row))).map((row) => {
      const line = document.createElement("li");
      line.append(row.querySelector(".priority"), " ", row.querySelector("th a"), ": ", row.cells[3].firstChild);
      return line;
    });
    const said = document.createElement("ul");
    said.className = "brief";
    said.append(...lines);
    place.className = lines.length ? "flags" : "";
    place.replaceChildren(...(lines.length ? [said] : []));
  };

  const read = async () => {
    // A list is asked for without its filters: they hide no red flag, and a patient looked for is in no address.
    const from = `/worklist/list/${isList ? place.dataset.live : "red-flag"}`;
    const answer = await fetch(from, { headers: { Accept: "text/html" } });
    // The session has ended: nothing stays on the screen. A list may be the answer to a form, which is not sent again.
    if (answer.status === 401) isList ? location.replace(from) : location.reload();
    if (!answer.ok) return false;
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    if (!isList) {
      tell([...page.querySelectorAll("table.list tbody tr")]);
      return true;
    }
    put(place, page.getElementById("red-flags"));
    put(document.querySelector(".lists"), page.querySelector(".lists"));
    if (place.dataset.live === "red-flag") {
      const table = page.querySelector("main > .scroll, main > .empty");
      const old = document.querySelector("main > .scroll, main > .empty");
      if (table && old && table.className !== old.className) old.replaceWith(table);
      else put(old, table);
    }
    return true;
  };

  const refresh = async () => {
    if (busy) return;
    busy = true;
    const asked = told;
    const isRead = await read().catch(() => false);
    busy = false;
    if (isRead) shown = asked;
    else setTimeout(catchUp, 5000);
    if (isRead) catchUp(); // something may have been told meanwhile
  };
  const catchUp = () => {
    if (source && told !== shown) refresh();
  };

  const rest = () => {
    source?.close();
    clearInterval(polling);
    source = polling = null;
  };
  const listen = () => {
    source = new EventSource("/worklist/events");
    source.addEventListener("red-flags", (event) => {
      told = event.data;
      catchUp();
    });
    source.onopen = () => {
      place.dataset.state = "live";
      clearInterval(polling);
      polling = null;
    };
    source.onerror = () => {
      place.dataset.state = "polling";
      polling ??= setInterval(refresh, 5000);
    };
  };
  // A browser opens six connections to a site, for all of its tabs: those that nobody sees keep none.
  document.addEventListener("visibilitychange", () => {
    rest();
    if (!document.hidden) listen();
  });
  if (!document.hidden) listen();
}
// The second click of a double click is no answer to the page that the first one led to.
document.addEventListener("click", (event) => {
  if (!event.detail || !event.target.closest("form[method=post] button")) return;
  const about = location.pathname.split("/").slice(0, 4).join("/");
  const [x, y, at, what] = JSON.parse(sessionStorage.getItem("clicked") ?? "[0, 0, 0]");
  const isNear = Math.hypot(event.clientX - x, event.clientY - y) < 10;
  if (Date.now() - at < 700 && isNear && about === what) event.preventDefault();
  else sessionStorage.setItem("clicked", JSON.stringify([event.clientX, event.clientY, Date.now(), about]));
});
// A form is sent once, however often Enter is pressed; one that brings a file leaves the page as it is. Whoever
// comes back to the page may send it again.
let sent = new WeakSet();
document.addEventListener("submit", (event) => {
  const form = event.target;
  if (event.defaultPrevented || form.method !== "post" || form.action.endsWith(".csv")) return;
  if (sent.has(form)) event.preventDefault();
  sent.add(form);
});
addEventListener("pageshow", () => {
  sent = new WeakSet();
});
const faults = document.querySelector(".faults");
if (faults) faults.focus();
