"""The endpoint that one writes first with FastAPI, as the second baseline of bench.serving.

Plain functions, which FastAPI runs in threads, so that the event loop waits for no disk: the body as FastAPI
parses it, one row for each resource by SQLAlchemy, one commit a request on an engine of the service's own.
Like bench.bare it checks nothing, indexes nothing and keeps no history. On SQLite its threads wait for one
lock, and look again after a pause: with many clients its p99 is long, and its rate falls below that of one
client. bench.bare, which stops the event loop for each commit and has no pool of connections, is quicker.

Run: python -m bench.plain ADDRESS PORT
"""

import json
import sys
from typing import Any
from uuid import uuid4

import uvicorn
from fastapi import FastAPI, Response
from sqlalchemy import Column, Engine, LargeBinary, MetaData, String, Table, select
from sqlalchemy.dialects import postgresql, sqlite

from referral_service.store.engine import connect, reading

Json = dict[str, Any]
_plain = Table(
    "plain", MetaData(), Column("id", String, primary_key=True), Column("body", LargeBinary, nullable=False)
)


def application(engine: Engine) -> FastAPI:
    """The routes that bench.serving asks for, at the service's own addresses."""
    app = FastAPI(openapi_url=None)
    dialect = {"sqlite": sqlite, "postgresql": postgresql}[engine.dialect.name]
    insert = dialect.insert(_plain)
    keeping = insert.on_conflict_do_update(index_elements=["id"], set_={"body": insert.excluded.body})

    def keep(rows: dict[str, Json]) -> None:
        """In the order of their ids, so that two never wait for each other."""
        with engine.begin() as connection:
            values = [{"id": name, "body": json.dumps(rows[name]).encode()} for name in sorted(rows)]
            connection.execute(keeping, values)

    @app.post("/fhir/Condition", status_code=201)
    def create(body: Json) -> Response:
        keep({str(uuid4()): body})
        return Response(status_code=201)

    @app.put("/fhir/Condition/{identity}")
    def update(body: Json, identity: str) -> Response:
        keep({identity: body})
        return Response(status_code=200)

    @app.post("/fhir")
    def transaction(body: Json) -> Response:
        resources = [entry["resource"] for entry in body["entry"]]
        keep({one.get("id") or str(uuid4()): one for one in resources})
        return Response(status_code=200)

    @app.get("/fhir/Condition/{identity}")
    def read(identity: str) -> Response:
        with reading(engine) as connection:
            return Response(connection.scalar(select(_plain.c.body).where(_plain.c.id == identity)))

    @app.get("/fhir/Procedure")
    def page(_count: int) -> Response:
        with reading(engine) as connection:
            return Response(b"[" + b",".join(connection.scalars(select(_plain.c.body).limit(_count))) + b"]")

    @app.post("/nothing")
    def nothing() -> Response:
        return Response(status_code=200)

    return app


if __name__ == "__main__":
    database = connect(sys.argv[1])
    _plain.metadata.create_all(database)
    uvicorn.run(application(database), port=int(sys.argv[2]), log_config=None, access_log=False)
