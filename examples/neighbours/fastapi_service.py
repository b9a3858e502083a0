"""FastAPI: a scorer behind an address of your own, loaded and compiled before the first request.

Run it: uvicorn --app-dir examples/neighbours fastapi_service:app. For scoring alone there is `curate serve`.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI
from pydantic import BaseModel, Field
from texts import TEXTS, show

import curate

scorer = curate.load_scorer("edu")


class Pages(BaseModel):
    """What is asked."""

    texts: list[str] = Field(max_length=1000)


@asynccontextmanager
async def warm(_app: FastAPI) -> AsyncIterator[None]:
    """Compile before the first request: it would wait for it else."""
    scorer.score(["a text"])
    yield


app = FastAPI(lifespan=warm)


@app.post("/score")
def score(pages: Pages) -> list[float]:
    """Scores in the order of the texts; a plain function, which FastAPI runs in a thread."""
    return scorer.score(pages.texts).tolist()


if __name__ == "__main__":
    show(score(Pages(texts=TEXTS)))
