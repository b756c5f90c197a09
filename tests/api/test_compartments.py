"""What is about one patient, asked for below that patient's address."""

from tests.api.charts import condition, new_id
from tests.kit.server import Running


def test_a_page_of_one_compartment_is_none_of_another(server: Running) -> None:
    ann, bob = new_id("ann"), new_id("bob")
    for who in (ann, ann, bob):
        server.post(condition(f"Patient/{who}"))
    page = server.search(f"Patient/{ann}/Condition", _count="1")
    (following,) = (link["url"] for link in page["link"] if link["relation"] == "next")
    asked = following.partition("?")[2]
    assert server.http.get(f"/Patient/{bob}/Condition?{asked}").status_code == 400
    for place in (f"Patient/{ann}/Condition", "Condition"):
        assert len(server.http.get(f"/{place}?{asked}").json()["entry"]) == 1
