"""Addresses, headers and queries that were made to do harm."""

from typing import Any

from tests.api.hostile import MARK, MARKED_ID, Attack, posted
from tests.kit.server import FHIR_JSON

_TARGETS = (
    *("Patient/%2e%2e", "Patient/..%2f..%2fetc%2fpasswd", "Patient/%2e%2e%2f%2e%2e", "../etc/passwd"),
    *("%2e%2e/%2e%2e/etc/passwd", "Patient/../../livez", "Patient/..\\..\\etc", "Patient/%5c%5chost%5cshare"),
    *("Patient/%00", "Patient/x%00.json", "Patient/%ff%fe", "Patient/%ed%a0%80", "Patient/%c0%ae%c0%ae"),
    *(
        "Patient/%F0%9F%92%A3",
        "Patient/%zz",
        "Patient/%",
        "Patient/%u0041",
        "Patient/%0d%0aSet-Cookie:%20a=b",
    ),
    *("Patient/%0a", "Patient/%20", "Patient/x;y", "Patient/x,y", "Patient/'%20OR%20'1'='1", "Patient/$(id)"),
    *("Patient/%7B%7B7*7%7D%7D", "Patient/<script>", "Patient/*", "Patient/x/_history/%00"),
    *("Patient/x/_history/-1", "Patient/x/_history/99999999999999999999", "Patient/x/_history/1e9"),
    *("Patient/x/_history/%D9%A1", "Patient/x/_history/1/2/3", "Patient/$assess", "Patient/x/$assess/y"),
    *("Patient/x/$assess", "Patient/%00/$assess", "_history", "$process-message", "Patient/$export"),
    *("metadata/x", "%6detadata/%00", "__proto__/x", "Patient/__class__", "PATIENT/x", "Patient%00/x"),
    *("Patient/%252e%252e", "/" * 2000, "Patient/" + "x" * 5000, "a/" * 2000, "Patient/" + "%41" * 3000),
    *(f"Patient/{MARKED_ID}", f"Patient/{MARK.replace(' ', '%20')}", f"{MARKED_ID}/x"),
    *(f"Patient/{MARKED_ID}/_history", f"Patient/{MARKED_ID}/$assess", f"Patient/x/{MARKED_ID}"),
)

_QUERIES = (
    *("%", "%zz=1", "&&&&", "=", "==", "=x", "patient", "patient=", "%00=%00", "patient=%00", "code=%00"),
    *("identifier=a%00b", "identifier=%00|x", "identifier=x|%00", "_id=%00", "_id=%ff", "_id=", "_id=,,,"),
    *("identifier=%ed%a0%80", "identifier=%ff%fe", "identifier=|", "identifier=||||", "identifier=,"),
    *(
        "identifier='%20OR%201=1--",
        "identifier=x';DROP%20TABLE%20resource;--",
        "identifier=%25",
        "identifier=_",
    ),
    *("identifier=(a%2B)%2B$", "identifier=.*", "identifier=\\", "identifier=\\\\\\", "identifier=a\\|b|c"),
    *("identifier=$%7Bjndi:ldap://x%7D", "identifier=%F0%9F%92%A3", "_count=1e9", "_count=-1", "_count=1.5"),
    *(
        "_count=999999999999999999999",
        "_count=%D9%A1",
        "_count=&_count=",
        "_sort=%00",
        "_sort=--x",
        "_sort=-",
    ),
    *("_sort='", "_include=*", "_include=%00:%00", "_page=%00", "_page=AAAA", "_page=%ff", "_page=W10"),
    *("_page=W1tdLDEsMV0", "_page=W1tdLDk5OTk5OTk5OTk5OTk5OTk5OTk5LCJhIl0", "_page=" + "A" * 5000),
    *("_page=W1tbIl9jb3VudCIsIngiXV0sMSwiYSJd", "_page=W1tbIlx1MDAwMCIsIlx1MDAwMCJdXSwxLCJcdTAwMDAiXQ"),
    *("_lastUpdated=0001-01-01", "_lastUpdated=9999-12-31", "_lastUpdated=ap9999-12-31T23:59:59Z"),
    *("_lastUpdated=0000", "_lastUpdated=99999", "_lastUpdated=2026-13", "_lastUpdated=2026-02-30"),
    *("_lastUpdated=2026-01-01T00:00:00%2B99:99", "_lastUpdated=0001-01-01T00:00:00%2B14:00"),
    *("_lastUpdated=9999-12-31T23:59:59-14:00", "_lastUpdated=sa9999", "_lastUpdated=eb0001"),
    *(
        "_lastUpdated=ap0001-01-01",
        "_lastUpdated=2026-01-01T24:00:00Z",
        "_lastUpdated=%D9%A2%D9%A0%D9%A2%D9%A6",
    ),
    *("_lastUpdated=2026-01-01T00:00:00.999999999999Z", "_lastUpdated=gt", "_lastUpdated=zz2026"),
    *("_has:Condition:patient:code=x", "name:exact=" + MARKED_ID, "a.b.c.d=1", ":=1", "identifier:=1"),
    *(f"{MARKED_ID}:x=1", f"birthdate.{MARKED_ID}=1", f"_count={MARKED_ID}", f"_page={MARKED_ID}"),
    *(f"_lastUpdated={MARKED_ID}", "identifier=" + "x" * 20_000, "identifier=" + ",".join("y" * 5000)),
    *("&".join(["identifier=x"] * 1000), "&".join(f"p{n}=1" for n in range(3000)), "_format=%00", "_format="),
    *("_format=../../etc", "_format=xml", "_format=" + "j" * 3000, "_pretty=%00", "_format=json;charset=x"),
)

_DAYS = (
    *(
        "asOf=0001-01-01",
        "asOf=9999-12-31",
        "asOf=2026-02-30",
        "asOf=x",
        "asOf=%00",
        "asOf=",
        "asOf=2026-W01-1",
    ),
    *("knownAt=0001-01-01T00:00:00%2B14:00", "knownAt=9999-12-31T23:59:59-14:00", "knownAt=2026-01-01"),
    *("knownAt=9999-12-31T23:59:59.999999Z", "knownAt=x", "knownAt=%00", f"knownAt={MARKED_ID}"),
    *(f"{MARKED_ID}=1", "asOf=2026-01-01&asOf=2026-01-02", "asOf=20260101"),
)

_HEADERS: dict[str, tuple[str | bytes, ...]] = {
    "accept": (
        "",
        ";;;",
        "a/b;q=x",
        ",",
        "*/*;q=-1",
        "\xff\xfe",
        "x" * 5000,
        "application/fhir+json;" * 500,
        MARK,
    ),
    "prefer": (
        "return",
        "=",
        ";;==;;",
        "return=" + MARK,
        "handling=strict" * 300,
        "\xe9",
        "return=minimal,,,",
    ),
    "if-match": ("*", '""', 'W/"', 'W/"-1"', 'W/"99999999999999999999"', 'W/"1e9"', "\xb2", MARK, "x" * 5000),
    "if-none-match": ("*", '""', "W/", ",,,,", 'W/"99999999999999999999"', "\xff", MARK, '"a",' * 2000),
    "if-modified-since": (
        "x",
        "0",
        "\xff",
        "Thu, 99 Foo 9999 99:99:99 GMT",
        "Fri, 31 Dec 9999 23:59:59 -1400",
        MARK,
    ),
    "if-none-exist": (
        *("", "?", "&", "%", "%00", "identifier=%00", "identifier", "identifier=", "_id=", "x=" + MARK),
        *("identifier:not=x", "_has:a:b:c=d", "?" * 3000, "identifier=" + "z" * 9000, "\xff=\xfe"),
        *("_count=0", "_sort=x", "Patient?identifier=", "identifier=a&" * 200, "identifier=\\"),
    ),
    "content-type": (
        "",
        ";",
        "/",
        "a",
        "\xff",
        "x" * 5000,
        f"text/{MARKED_ID}",
        "application/fhir+json;charset",
    ),
    "content-encoding": ("gzip", "br", "x" * 3000, "\xff", MARK),
    "x-actor": ("Practitioner/" + "x" * 65, "A" * 5000 + "/1", "\xff", "Practitioner/x\t", "../..", MARK),
    "x-http-method-override": ("DELETE", "PUT"),
    "x-forwarded-host": ("evil.example", "\xff"),
    "range": ("bytes=0-0", "bytes=-1", "x"),
    "expect": ("x",),
    "cookie": ("a" * 5000,),
}


def targets() -> list[Attack]:
    """Addresses, read, written and deleted."""
    found = []
    body = b'{"resourceType":"Patient","id":"other","birthDate":"x"}'
    for target in _TARGETS:
        says = target[:40]
        found.append(Attack(f"GET {says}", "GET", target))
        found.append(Attack(f"PUT {says}", "PUT", target, body, {"content-type": FHIR_JSON}))
        found.append(Attack(f"DELETE {says}", "DELETE", target))
    for method in ("PATCH", "OPTIONS", "TRACE", "PROPFIND", "LOCK", "MOVE"):
        found.append(Attack(f"{method} Patient/x", method, "Patient/x"))
    return found


def queries() -> list[Attack]:
    """Searches by GET and by POST, histories and conditional updates."""
    found = []
    form = {"content-type": "application/x-www-form-urlencoded"}
    wrong = b'{"resourceType":"Patient","birthDate":"x"}'
    for query in _QUERIES:
        says = query[:40]
        found.append(Attack(f"search {says}", "GET", f"Patient?{query}"))
        found.append(
            Attack(f"search by form {says}", "POST", "Condition/_search", query.encode("latin-1"), form)
        )
        found.append(Attack(f"history {says}", "GET", f"Patient/x/_history?{query}"))
        found.append(Attack(f"update {says}", "PUT", f"Patient?{query}", wrong, {"content-type": FHIR_JSON}))
    found += [Attack(f"form {says}", "POST", "Patient/_search", b, form) for says, b in _FORMS.items()]
    return found


_FORMS = {
    "not UTF-8": b"identifier=\xff",
    "a null": b"identifier=a\x00b",
    "too many fields": b"&".join([b"a=1"] * 101),
    "a megabyte": b"identifier=" + b"x" * 1_000_000,
    "seventeen megabytes": b"identifier=" + b"x" * 17 * 1024 * 1024,
}


_PARAMETERS: dict[str, Any] = {
    "a marked name": [{"name": MARK, "valueString": MARK}],
    "no name": [{"valueString": MARK}],
    "the calendar's last day": [{"name": "asOf", "valueDate": "9999-12-31"}],
    "the calendar's first day": [{"name": "asOf", "valueDate": "0001-01-01"}],
    "a marked day": [{"name": "asOf", "valueString": MARK}],
    "a day that is a Patient": [{"name": "asOf", "resource": {"resourceType": "Patient"}}],
    "a day in parts": [{"name": "asOf", "part": [{"name": "asOf", "valueDate": "2026-01-01"}]}],
    "an instant that is a number": [{"name": "knownAt", "valueDecimal": 7741}],
    "a marked subject": [{"name": "subject", "valueString": MARK}],
    "a subject that climbs": [{"name": "subject", "valueString": "Patient/../../x"}],
    "a subject that is a group": [{"name": "subject", "valueReference": {"reference": f"Group/{MARKED_ID}"}}],
    "a subject that nobody is": [{"name": "subject", "valueString": f"Patient/{MARKED_ID}"}],
    "two subjects": [{"name": "subject", "valueString": "Patient/known"}] * 2,
    "ten thousand marks": [{"name": MARK, "valueString": MARK}] * 10_000,
    "an object": {"name": MARK},
    "nothing but null": [None],
}
_PLAN = "PlanDefinition/spine-conservative-care/$apply"


def operations() -> list[Attack]:
    """Operations by GET and by POST, and searches of what the service publishes."""
    found = [Attack(f"assess {query}", "GET", f"Patient/known/$assess?{query}") for query in _DAYS]
    for subject in (
        "",
        "subject=",
        "subject=%00",
        f"subject={MARKED_ID}",
        f"{MARKED_ID}=1",
        "subject=Patient/%00",
    ):
        found.append(Attack(f"apply {subject}", "GET", f"{_PLAN}?{subject}"))
    for says, parameter in _PARAMETERS.items():
        sent = {"resourceType": "Parameters", "parameter": parameter}
        found.append(posted(f"apply to {says}", sent, _PLAN))
        if "subject" not in says:
            found.append(posted(f"assess {says}", sent, "Patient/known/$assess"))
    for query in (
        "url=%00",
        "name=%00",
        "status=|",
        "_sort=url",
        "_page=W1tdLDVd",
        "_page=W1tdLC01XQ",
        "version=(",
    ):
        found.append(Attack(f"ValueSet?{query}", "GET", f"ValueSet?{query}"))
    for target in (
        "PlanDefinition/%00",
        f"ValueSet/{MARKED_ID}",
        "PlanDefinition/x/$apply",
        "CodeSystem/..%2f",
    ):
        found.append(Attack(f"GET {target}", "GET", target))
    return found


def headers() -> list[Attack]:
    """Headers on a read, and on a create that is refused whatever they say."""
    wrong = {"resourceType": "Patient", "birthDate": MARK}
    found = []
    for name, values in _HEADERS.items():
        for value in values:
            says = f"{name}: {value[:30]!r}"
            found.append(Attack(f"read, {says}", "GET", "Patient/known", b"", {name: value}))
            found.append(
                posted(f"create, {says}", wrong)._replace(headers={"content-type": FHIR_JSON, name: value})
            )
            found.append(Attack(f"delete, {says}", "DELETE", "Patient/never", b"", {name: value}))
    return found
