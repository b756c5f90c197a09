"""What a transaction reads, it reads last; a read that cannot succeed refuses the whole."""

import pytest

from tests.api.charts import entry, issues, new_id, patient, statuses
from tests.kit.server import Running

READS_THAT_FAIL = {
    "Patient/nope": (404, "not-found"),
    "Patient/nope/_history/1": (404, "not-found"),
    "Patient/{gone}": (410, "deleted"),
    "Condition?recorded-date=never": (400, "value"),
    "Sickness/_nowhere/at/all": (400, "value"),
    "Claim/1": (404, "not-supported"),
    "Patient/{who}/nothing": (404, "not-found"),
}


@pytest.mark.parametrize("url", READS_THAT_FAIL)
def test_a_read_that_cannot_succeed_stores_nothing(server: Running, url: str) -> None:
    status, code = READS_THAT_FAIL[url]
    who, gone = new_id(), new_id()
    server.put(patient(gone))
    before = server.dump()
    answer = server.send(
        "transaction",
        entry("PUT", f"Patient/{who}", patient(who)),
        entry("GET", url.format(who=who, gone=gone)),
        entry("DELETE", f"Patient/{gone}"),
    )
    assert (answer.status_code, issues(answer.json())) == (status, [(code, "Bundle.entry[1].request.url")])
    assert server.dump() == before


@pytest.mark.parametrize("url", READS_THAT_FAIL)
def test_a_read_of_a_batch_that_fails_is_told_where(server: Running, url: str) -> None:
    who, gone = new_id(), new_id()
    server.put(patient(who))
    server.put(patient(gone))
    server.http.delete(f"/Patient/{gone}")
    answer = server.send("batch", entry("GET", url.format(who=who, gone=gone)))
    (failed,) = (one["response"] for one in answer.json()["entry"])
    status, code = READS_THAT_FAIL[url]
    assert failed["status"].startswith(str(status))
    assert issues(failed["outcome"]) == [(code, "Bundle.entry[0].request.url")]


def test_a_read_of_what_is_written_along_succeeds(server: Running) -> None:
    who = new_id()
    reads = [f"Patient/{who}", f"Patient/{who}/_history", f"Patient/{who}/_history/1"]
    answer = server.send(
        "transaction",
        *(entry("GET", url) for url in reads),
        entry("PUT", f"Patient/{who}", patient(who)),
    )
    assert statuses(answer.json()) == ["200", "200", "200", "201"]


@pytest.mark.parametrize("kind", ["batch", "transaction"])
@pytest.mark.parametrize("url", ["Patient/{who}", "Patient/{who}/_history", "Condition?patient={who}"])
def test_a_head_says_that_it_is_there_and_no_more(server: Running, kind: str, url: str) -> None:
    who = new_id()
    server.put(patient(who))
    answer = server.send(kind, entry("HEAD", url.format(who=who)), entry("GET", url.format(who=who)))
    head, read = answer.json()["entry"]
    assert (head, read["response"]) == ({"response": read["response"]}, head["response"])
    assert (head["response"]["status"], "resource" in read) == ("200 OK", True)


APPLY = "PlanDefinition/spine-conservative-care/$apply?subject=Patient/"


def test_the_plan_is_applied_to_whom_a_transaction_brings(server: Running) -> None:
    who = new_id()
    reads = [entry("GET", f"{APPLY}{who}"), entry("GET", f"Patient/{who}/$assess")]
    answer = server.send("transaction", *reads, entry("PUT", f"Patient/{who}", patient(who)))
    assert statuses(answer.json()) == ["200", "200", "201"]


@pytest.mark.parametrize(
    ("change", "url", "status"),
    [
        ("new", "Patient/{who}/_history/9", 404),
        ("new", "Patient/{who}/_history/2", 404),
        ("same", "Patient/{who}/_history/2", 404),
        ("back", "Patient/{who}/_history/2", 410),
        ("delete", f"{APPLY}{{who}}", 410),
    ],
)
def test_a_read_that_may_fail_after_the_writes_stores_nothing(
    server: Running, change: str, url: str, status: int
) -> None:
    who = new_id()
    if change != "new":
        server.put(patient(who))
    if change == "back":
        server.http.delete(f"/Patient/{who}")
    write = (
        entry("DELETE", f"Patient/{who}")
        if change == "delete"
        else entry("PUT", f"Patient/{who}", patient(who))
    )
    before = server.dump()
    answer = server.send("transaction", write, entry("GET", url.format(who=who)))
    assert (answer.status_code, issues(answer.json())[0][1]) == (status, "Bundle.entry[1].request.url")
    assert server.dump() == before
