"""What needs a CUDA device. Not run by this project so far: docs/training.md says so."""

import json

import pytest
from test_attention import STARTS, N, by_hand, heads
from test_model import logits, trained
from token_folder import EOS, write_token_folder

torch = pytest.importorskip("torch")

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device"),
    pytest.mark.timeout(1800),
]


@pytest.mark.parametrize("n_key", [4, 2])
@pytest.mark.parametrize(
    ("kind", "dtype"), [("varlen", "bfloat16"), ("flex", "bfloat16"), ("flex", "float32")]
)
def test_attention_and_its_gradients_are_those_of_each_document_alone(kind, dtype, n_key):
    from curate.train.attention import attend, borders

    device = torch.device("cuda")
    where = borders(STARTS, N, kind=kind, context=N, device=device)
    q, k, v = (x.requires_grad_() for x in heads(4, n_key, device=device, dtype=getattr(torch, dtype)))
    expected_from = [x.detach().float().requires_grad_() for x in (q, k, v)]
    found, expected = attend(q, k, v, where), by_hand(*expected_from, STARTS)
    near = {"atol": 3e-2, "rtol": 3e-2} if dtype == "bfloat16" else {"atol": 2e-3, "rtol": 2e-3}
    assert torch.allclose(found.float(), expected, **near)
    weights = torch.randn_like(expected)
    for ours, wanted in zip(
        torch.autograd.grad((found.float() * weights).sum(), (q, k, v)),
        torch.autograd.grad((expected * weights).sum(), expected_from),
        strict=True,
    ):
        assert torch.allclose(ours.float(), wanted, **near)


def run(tmp_path, name, **changes):
    trained(tmp_path, name, **({"steps": 6, "save_every": 3, "eval_every": 3} | changes))
    return [json.loads(line) for line in (tmp_path / name / "metrics.jsonl").read_text().splitlines()]


def test_a_run_on_a_gpu_follows_that_on_a_cpu(tmp_path, monkeypatch):
    """One process with NCCL, sharding, bf16 or float32, recomputation and compilation."""
    write_token_folder(tmp_path / "tokens", {"web": 100})
    with monkeypatch.context() as alone:
        alone.setattr(torch.cuda, "is_available", lambda: False)
        expected = [line["loss"] for line in run(tmp_path, "cpu")]
    variants = {
        "flex": ({"attention": "flex"}, 1e-3),
        "documents": ({"attention": "documents"}, 1e-3),
        "bf16": ({"dtype": "bf16"}, 0.03),
        "recompute": ({"dtype": "bf16", "recompute": True, "micro_windows": 2}, 0.03),
        "compile": ({"dtype": "bf16", "compile": True}, 0.03),
        "lean": ({"dtype": "bf16", "gather": "pass", "save_async": True}, 0.03),
    }
    for name, (changes, near) in variants.items():
        assert [line["loss"] for line in run(tmp_path, name, **changes)] == pytest.approx(
            expected, abs=near
        ), name


def test_a_run_on_a_gpu_resumes_and_is_exported(tmp_path):
    from curate.train import export
    from curate.train.weights import load_decoder, read_trained

    write_token_folder(tmp_path / "tokens", {"web": 100})
    whole = run(tmp_path, "whole", dtype="bf16", save_async=True)
    for checkpoint in (tmp_path / "whole" / "checkpoints").glob("step-*6"):
        checkpoint.rename(tmp_path / "set-aside")
    resumed = run(tmp_path, "whole", dtype="bf16", save_async=True)
    assert [line["loss"] for line in resumed] == pytest.approx([line["loss"] for line in whole], abs=1e-3)
    export(tmp_path / "whole", tmp_path / "out")
    window = torch.tensor([EOS, *range(1, 64), 1]).numpy()
    ours, theirs = (load_decoder(read_trained(tmp_path / name)) for name in ("whole", "out"))
    assert torch.equal(logits(ours, window), logits(theirs, window))
