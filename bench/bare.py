"""The least that any service does, as a baseline of bench.serving: parse the body, commit it, answer.

A FastAPI application with the service's durability and one commit a request, on an SQLite file of its own
(WAL, synchronous=FULL), or on the service's PostgreSQL through some connections at once. It checks nothing,
indexes nothing, keeps no history and answers without a body. Below /nothing it does not even that: what the
load generator can ask at most.

Run: python -m bench.bare ADDRESS PORT
"""

import sqlite3
import sys
from asyncio import Queue
from collections.abc import Sequence
from typing import Protocol
from uuid import uuid4

import orjson
import psycopg
import uvicorn
from fastapi import FastAPI, Request, Response
from sqlalchemy import make_url

_MAKE = "CREATE TABLE IF NOT EXISTS bare (id TEXT PRIMARY KEY, body {} NOT NULL)"
_KEEP = "INSERT INTO bare VALUES (?, ?) ON CONFLICT (id) DO UPDATE SET body = excluded.body"
_READ = "SELECT body FROM bare WHERE id = ?"
_PAGE = "SELECT body FROM bare LIMIT ?"
_CONNECTIONS = 10

Row = tuple[str, bytes]


class Database(Protocol):
    """Rows by id."""

    async def open(self) -> None:
        """Makes the table."""

    async def keep(self, rows: Sequence[Row]) -> None:
        """Durable on return, all or none."""

    async def bodies(self, asked: str, value: str | int) -> list[bytes]:
        """What a query finds."""


class Sqlite:
    """One connection, in the event loop's own thread: nobody waits for another's."""

    def __init__(self, address: str) -> None:
        """SQLAlchemy's address; opened at once."""
        self._database = sqlite3.connect(make_url(address).database or "")

    async def open(self) -> None:
        """As the service opens its own."""
        for statement in ("PRAGMA journal_mode=WAL", "PRAGMA synchronous=FULL", _MAKE.format("BLOB")):
            self._database.execute(statement)

    async def keep(self, rows: Sequence[Row]) -> None:
        """The loop waits for the disk."""
        with self._database:
            if len(rows) == 1:
                self._database.execute(_KEEP, rows[0])
            else:
                self._database.executemany(_KEEP, rows)

    async def bodies(self, asked: str, value: str | int) -> list[bytes]:
        """In the loop too."""
        return [body for (body,) in self._database.execute(asked, (value,))]


class Postgresql:
    """Some connections, each for one request at a time."""

    def __init__(self, address: str) -> None:
        """SQLAlchemy's address; opens nothing yet."""
        url = make_url(address)
        self._conninfo = f"host={url.query['host']} user={url.username} dbname={url.database}"
        self._free: Queue[psycopg.AsyncConnection] = Queue()

    async def open(self) -> None:
        """All of them."""
        for _ in range(_CONNECTIONS):
            self._free.put_nowait(await psycopg.AsyncConnection.connect(self._conninfo))
        connection = await self._free.get()
        await connection.execute(_MAKE.format("BYTEA"))
        await connection.commit()
        self._free.put_nowait(connection)

    async def keep(self, rows: Sequence[Row]) -> None:
        """In the order of their ids, so that two never wait for each other."""
        connection = await self._free.get()
        async with connection.cursor() as cursor:
            if len(rows) == 1:
                await cursor.execute(_KEEP.replace("?", "%s"), rows[0])
            else:
                await cursor.executemany(_KEEP.replace("?", "%s"), sorted(rows))
        await connection.commit()
        self._free.put_nowait(connection)

    async def bodies(self, asked: str, value: str | int) -> list[bytes]:
        """A transaction each."""
        connection = await self._free.get()
        found = await (await connection.execute(asked.replace("?", "%s"), (value,))).fetchall()
        await connection.commit()
        self._free.put_nowait(connection)
        return [body for (body,) in found]


def application(database: Database) -> FastAPI:
    """The routes that bench.serving asks for, at the service's own addresses."""
    app = FastAPI(openapi_url=None)
    app.router.add_event_handler("startup", database.open)

    @app.post("/fhir/Condition")
    async def create(request: Request) -> Response:
        body = await request.body()
        orjson.loads(body)
        await database.keep([(str(uuid4()), body)])
        return Response(status_code=201)

    @app.put("/fhir/Condition/{identity}")
    async def update(request: Request, identity: str) -> Response:
        body = await request.body()
        orjson.loads(body)
        await database.keep([(identity, body)])
        return Response(status_code=200)

    @app.post("/fhir")
    async def transaction(request: Request) -> Response:
        bundle = orjson.loads(await request.body())
        resources = [entry["resource"] for entry in bundle["entry"]]
        await database.keep([(one.get("id") or str(uuid4()), orjson.dumps(one)) for one in resources])
        return Response(status_code=200)

    @app.get("/fhir/Condition/{identity}")
    async def read(identity: str) -> Response:
        (body,) = await database.bodies(_READ, identity)
        return Response(body)

    @app.get("/fhir/Procedure")
    async def page(_count: int) -> Response:
        return Response(b"[" + b",".join(await database.bodies(_PAGE, _count)) + b"]")

    async def nothing(request: Request) -> Response:
        return Response(status_code=200)

    app.add_route("/nothing", nothing, methods=["POST"])
    return app


if __name__ == "__main__":
    place = sys.argv[1]
    kept = Postgresql(place) if place.startswith("postgresql") else Sqlite(place)
    uvicorn.run(application(kept), port=int(sys.argv[2]), log_config=None, access_log=False)
