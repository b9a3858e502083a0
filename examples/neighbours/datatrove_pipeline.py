"""datatrove: documents below a score are dropped, the others carry it in their metadata."""

import tempfile

from datatrove.data import Document
from datatrove.executor import LocalPipelineExecutor
from texts import TEXTS, show

from curate.scoring.adapters import datatrove_filter

kept: list[Document] = []


def remember(data, rank: int = 0, world_size: int = 1):  # noqa: ANN001, ANN201, ARG001
    """A last step that keeps what comes."""
    for document in data:
        kept.append(document)
        yield document


if __name__ == "__main__":
    documents = [Document(text=text, id=str(place)) for place, text in enumerate(TEXTS)]
    steps = [documents, datatrove_filter("edu", threshold=0.0), remember]
    with tempfile.TemporaryDirectory() as logs:
        LocalPipelineExecutor(steps, tasks=1, logging_dir=logs).run()
    show([document.metadata["edu_score"] for document in kept])
