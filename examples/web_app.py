"""A web handler that awaits a job while its process serves others. For yours: `uvicorn --app-dir examples web_app:app`."""

import asyncio
import contextlib

import httpx
from starlette.applications import Starlette
from starlette.responses import JSONResponse, PlainTextResponse
from starlette.routing import Route

import quantumjobs as qj


@contextlib.asynccontextmanager
async def lifespan(app):
    async with qj.Client() as app.state.client:  # one for the whole application
        yield


async def simulate(request):
    circuit = (await request.body()).decode()
    job = await request.app.state.client.backend("aer").run(circuit, shots=1000)
    return JSONResponse({"job": job.id, "counts": (await job).counts})


async def ping(_):
    return PlainTextResponse("pong")


app = Starlette(routes=[Route("/simulate", simulate, methods=["POST"]), Route("/ping", ping)], lifespan=lifespan)


async def main():  # without a server: one long request, and many short ones beside it
    gates = "".join(f"rx(0.1) q[{i}]; cx q[{i}], q[{i + 1}];" for i in range(18)) * 10
    heavy = f'OPENQASM 2.0; include "qelib1.inc"; qreg q[19]; creg c[19]; {gates} measure q -> c;'
    transport = httpx.ASGITransport(app)
    async with lifespan(app), httpx.AsyncClient(transport=transport, base_url="http://app", timeout=60) as http:
        answer, served = asyncio.create_task(http.post("/simulate", content=heavy)), 0
        while not answer.done():
            served += (await http.get("/ping")).text == "pong"
            await asyncio.sleep(0.001)
        counts = (await answer).json()["counts"]
        print(f"{sum(counts.values())} shots in one answer; {served} other requests were answered meanwhile")


if __name__ == "__main__":
    asyncio.run(main())
