"""A coordinator with a browser that runs no script: cookies, links and forms, and what a page says."""

from html.parser import HTMLParser
from urllib.parse import urljoin

import httpx


class Page(HTMLParser):
    """One page, read: its texts, its tables, its links, its forms with what they hold."""

    def __init__(self, answer: httpx.Response) -> None:
        super().__init__()
        self.status, self.address, self.html = answer.status_code, str(answer.url), answer.text
        self.headers = answer.headers
        self.tables: list[list[list[str]]] = []
        self.links: list[tuple[str, str]] = []
        self.forms: list[tuple[str, dict[str, str]]] = []
        self.words: list[str] = []
        self._link: str | None = None
        self._skip = ""
        self.feed(answer.text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = {name: value or "" for name, value in attrs}
        if tag in ("script", "style", "title"):
            self._skip = tag
        if tag == "table":
            self.tables.append([])
        if tag == "tr" and self.tables:
            self.tables[-1].append([])
        if tag in ("td", "th") and self.tables:
            self.tables[-1][-1].append("")
        if tag == "a":
            self._link = found.get("href")
            self.links.append((found.get("href", ""), ""))
        if tag == "form":
            self.forms.append((found.get("action", ""), {}))
        if tag in ("input", "textarea", "select") and self.forms:
            self.forms[-1][1][found.get("name", "")] = found.get("value", "")

    def handle_endtag(self, tag: str) -> None:
        if tag == self._skip:
            self._skip = ""
        if tag == "a":
            self._link = None

    def handle_data(self, data: str) -> None:
        said = " ".join(data.split())
        if not said or self._skip:
            return
        self.words.append(said)
        if self._link is not None:
            self.links[-1] = (self.links[-1][0], f"{self.links[-1][1]} {said}".strip())
        if self.tables and self.tables[-1] and self.tables[-1][-1]:
            self.tables[-1][-1][-1] = f"{self.tables[-1][-1][-1]} {said}".strip()

    @property
    def text(self) -> str:
        """Everything that can be read on it."""
        return " ".join(self.words)

    def form(self, verb: str) -> tuple[str, dict[str, str]]:
        """The form that does something."""
        return next(one for one in self.forms if one[0].endswith(f"/{verb}"))

    def verbs(self) -> set[str]:
        """What the forms of a referral's page can do."""
        return {action.rpartition("/")[2] for action, _ in self.forms if "/referral/" in action}


class Coordinator:
    """Somebody with a browser of their own."""

    def __init__(self, address: str, name: str = "") -> None:
        self.http = httpx.Client(base_url=address, follow_redirects=True, timeout=30)
        self.see("/worklist")
        if name:
            action, fields = self.page.forms[0]
            self.send(action, fields | {"name": name})

    def __enter__(self) -> "Coordinator":
        return self

    def __exit__(self, *_: object) -> None:
        self.http.close()

    def see(self, address: str) -> Page:
        """Opens a page."""
        self.page = Page(self.http.get(urljoin(str(self.http.base_url), address)))
        return self.page

    def look_for(self, stage: str, identifier: str, **filters: str) -> Page:
        """Fills the form of a list with a patient's identifier; of red flags, which nothing filters, none."""
        self.see(f"/worklist/list/{stage}")
        for action, fields in self.page.forms:
            if "identifier" in fields:
                self.send(action, {"token": fields["token"], "identifier": identifier, **filters})
        return self.page

    def do(self, verb: str, **filled: str) -> Page:
        """Fills the form of the page that is open and sends it."""
        action, fields = self.page.form(verb)
        return self.send(action, fields | filled)

    def send(self, action: str, fields: dict[str, str]) -> Page:
        """Sends a form."""
        self.page = Page(self.http.post(action, data=fields))
        return self.page

    def open(self, who: str) -> Page:
        """Follows the link with a patient's name, of the page that is open."""
        return self.see(next(address for address, words in self.page.links if words == who))
