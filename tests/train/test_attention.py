"""The kinds of attention compute one thing. What needs a GPU is checked here as far as a CPU goes."""

import inspect

import numpy as np
import pytest

torch = pytest.importorskip("torch")

CPU = torch.device("cpu")
STARTS = np.array([0, 1, 40, 64, 65, 130, 192, 300])
N = 320


def heads(n_query, n_key, *, device=CPU, dtype=torch.float32):
    generator = torch.Generator().manual_seed(4)
    shapes = [(N, n_query, 16), (N, n_key, 16), (N, n_key, 16)]
    return [torch.randn(shape, generator=generator).to(device, dtype) for shape in shapes]


def by_hand(q, k, v, starts):
    """Softmax of all scores, those of other documents and of later tokens at minus infinity."""
    k, v = (x.repeat_interleave(q.shape[1] // k.shape[1], dim=1) for x in (k, v))
    document = torch.from_numpy(np.searchsorted(starts, np.arange(len(q)), side="right"))
    seen = (document[:, None] == document[None, :]) & torch.ones(len(q), len(q)).tril().bool()
    scores = torch.einsum("ihd,jhd->hij", q, k) / q.shape[-1] ** 0.5
    return torch.einsum("hij,jhd->ihd", scores.masked_fill(~seen.to(q.device), -torch.inf).softmax(-1), v)


@pytest.mark.parametrize("n_key", [4, 2])
@pytest.mark.parametrize("kind", ["documents", "flex"])
@pytest.mark.filterwarnings("ignore:flex_attention called without torch.compile")
def test_attention_is_that_of_each_document_alone(kind, n_key):
    from curate.train.attention import attend, borders

    q, k, v = heads(4, n_key)  # without gradients: flex has no way back on a CPU
    where = borders(STARTS, N, kind=kind, context=N, device=CPU)
    assert torch.allclose(attend(q, k, v, where), by_hand(q, k, v, STARTS), atol=1e-5)


@pytest.mark.parametrize("n_key", [4, 2])
def test_varlen_attention_is_asked_for_the_documents(monkeypatch, n_key):
    """torch's function is replaced by one that does what it says, called as torch's own can be called."""
    from torch.nn.attention import varlen

    from curate.train.attention import attend, borders

    signature = inspect.signature(varlen.varlen_attn)

    def stand_in(*arguments, **options):
        asked = signature.bind(*arguments, **options)
        asked.apply_defaults()
        asked = asked.arguments
        q, k, v = asked["query"], asked["key"], asked["value"]
        offsets = asked["cu_seq_q"]
        assert offsets.dtype == torch.int32
        assert torch.equal(offsets, asked["cu_seq_k"])
        assert offsets[0] == 0
        assert offsets[-1] == len(q)
        assert max(offsets.diff()) <= asked["max_q"] == asked["max_k"]
        assert asked["window_size"] == (-1, 0)  # causal
        assert asked["enable_gqa"] == (q.shape[1] != k.shape[1])
        assert asked["scale"] is None
        return by_hand(q, k, v, offsets[:-1].numpy())

    monkeypatch.setattr(varlen, "varlen_attn", stand_in)
    q, k, v = heads(4, n_key)
    starts = np.union1d(STARTS, np.arange(0, N, 64))  # window borders too: no piece is longer
    found = attend(q, k, v, borders(starts, N, kind="varlen", context=64, device=CPU))
    expected = attend(q, k, v, borders(starts, N, kind="documents", context=64, device=CPU))
    assert torch.allclose(found, expected, atol=1e-5)


@pytest.mark.parametrize(
    ("kind", "device", "bf16", "chosen"),
    [
        ("auto", "cpu", True, "documents"),
        ("auto", "cuda", True, "varlen"),
        ("auto", "cuda", False, "flex"),
        ("documents", "cuda", False, "documents"),
    ],
)
def test_auto_takes_what_the_device_can_do(kind, device, bf16, chosen):
    from curate.train.attention import chosen_kind

    assert chosen_kind(kind, torch.device(device), bf16=bf16) == chosen


@pytest.mark.parametrize(
    ("kind", "device", "bf16", "said"),
    [
        ("varlen", "cpu", True, "Set attention = 'documents'"),
        ("flex", "cpu", False, "Set attention = 'documents'"),
        ("varlen", "cuda", False, "Set dtype = 'bf16'"),
        ("flash", "cpu", True, "flash"),
    ],
)
def test_attention_that_cannot_run_is_refused(kind, device, bf16, said):
    from curate.errors import SettingError
    from curate.train.attention import chosen_kind

    with pytest.raises(SettingError, match=said):
        chosen_kind(kind, torch.device(device), bf16=bf16)
