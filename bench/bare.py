"""The least that any service does, as the baseline of bench.serving: parse the body, commit it, answer.

A FastAPI application on an SQLite file of its own with the service's durability: WAL, synchronous=FULL, one
commit a request. It checks nothing, indexes nothing, keeps no history and answers without a body. Below
/nothing it does not even that: what the load generator can ask at most.

Run: python -m bench.bare FILE PORT
"""

import sqlite3
import sys
from uuid import uuid4

import orjson
import uvicorn
from fastapi import FastAPI, Request, Response

_KEEP = "INSERT INTO resource VALUES (?, ?) ON CONFLICT (id) DO UPDATE SET body = excluded.body"


def application(file: str) -> FastAPI:
    """The routes that bench.serving asks for, at the service's own addresses."""
    database = sqlite3.connect(file)
    database.execute("PRAGMA journal_mode=WAL")
    database.execute("PRAGMA synchronous=FULL")
    database.execute("CREATE TABLE resource (id TEXT PRIMARY KEY, body BLOB NOT NULL)")
    app = FastAPI(openapi_url=None)

    @app.post("/fhir/Condition")
    async def create(request: Request) -> Response:
        body = await request.body()
        orjson.loads(body)
        with database:
            database.execute(_KEEP, (str(uuid4()), body))
        return Response(status_code=201)

    @app.put("/fhir/Condition/{identity}")
    async def update(request: Request, identity: str) -> Response:
        body = await request.body()
        orjson.loads(body)
        with database:
            database.execute(_KEEP, (identity, body))
        return Response(status_code=200)

    @app.post("/fhir")
    async def transaction(request: Request) -> Response:
        bundle = orjson.loads(await request.body())
        resources = [entry["resource"] for entry in bundle["entry"]]
        rows = [(one.get("id") or str(uuid4()), orjson.dumps(one)) for one in resources]
        with database:
            database.executemany(_KEEP, rows)
        return Response(status_code=200)

    @app.get("/fhir/Condition/{identity}")
    async def read(identity: str) -> Response:
        (body,) = database.execute("SELECT body FROM resource WHERE id = ?", (identity,)).fetchone()
        return Response(body)

    @app.get("/fhir/Procedure")
    async def page(_count: int) -> Response:
        rows = database.execute("SELECT body FROM resource LIMIT ?", (_count,))
        return Response(b"[" + b",".join(body for (body,) in rows) + b"]")

    async def nothing(request: Request) -> Response:
        return Response(status_code=200)

    app.add_route("/nothing", nothing, methods=["POST"])
    return app


if __name__ == "__main__":
    uvicorn.run(application(sys.argv[1]), port=int(sys.argv[2]), log_config=None, access_log=False)
