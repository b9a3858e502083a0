"""Documents stay apart, accumulation adds up, growth keeps the function, export keeps the logits."""

import dataclasses
import json
import pickle

import numpy as np
import pytest
from token_folder import EOS, write_token_folder

torch = pytest.importorskip("torch")

CPU = torch.device("cpu")


def windows(rng, n, context):
    tokens = rng.integers(1, 64, (n, context + 1))
    tokens[rng.random(tokens.shape) < 0.1] = EOS
    return list(tokens)


def logits(decoder, window):
    from curate.train.data import make_batch

    batch = make_batch([window], context=decoder.shape.context, eos_id=EOS, kind="documents", device=CPU)
    with torch.no_grad():
        return decoder(batch.tokens, batch.positions, batch.where)[0]


def small(family, **changes):
    from curate.train.model import build_decoder
    from curate.train.shape import preset

    decoder = build_decoder(preset(f"{family}-tiny", n_vocabulary=64, **changes), seed=3)
    noise = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for weight in decoder.parameters():
            weight.add_(torch.randn(weight.shape, generator=noise), alpha=0.1)
    return decoder


@pytest.mark.parametrize("family", ["phi", "llama"])
def test_a_document_does_not_see_the_one_before_it(family):
    decoder = small(family)
    window = np.arange(1, 66) % 60 + 1
    window[30] = EOS
    changed = window.copy()
    changed[:30] = 5
    before, after = logits(decoder, window), logits(decoder, changed)
    assert torch.equal(before[30:], after[30:])
    assert not torch.allclose(before[:30], after[:30])


@pytest.mark.parametrize(
    ("family", "larger"),
    [
        ("phi", {"n_layers": 5, "width": 80, "n_heads": 4, "head_width": 20}),
        ("phi", {"width": 112, "n_heads": 7}),
        ("llama", {"n_layers": 3, "width": 96, "n_heads": 6}),
    ],
)
def test_a_grown_model_computes_what_the_small_one_did(family, larger):
    from curate.train.grow import grown
    from curate.train.model import build_decoder
    from curate.train.shape import preset
    from curate.train.weights import Trained

    before = small(family)
    shape = preset(f"{family}-tiny", n_vocabulary=64, **larger)
    source = grown(Trained(before.shape, dict(before.state_dict()), EOS, None, 0), shape, 7)
    after = build_decoder(shape, seed=1)
    with torch.no_grad():
        for name, weight in after.named_parameters():
            weight.copy_(source(name, weight.shape))
    window = windows(np.random.default_rng(0), 1, 64)[0]
    assert torch.allclose(logits(before, window), logits(after, window), atol=2e-5)


@pytest.mark.parametrize("z_loss", [0.0, 1e-2])
def test_the_summed_loss_and_its_gradients_are_those_of_each_tokens_loss(monkeypatch, z_loss):
    from curate.train import losses

    monkeypatch.setattr(losses, "_chunk_tokens", lambda weight: 7)  # the last chunk is short
    generator = torch.Generator().manual_seed(2)
    hidden, weight, bias = (
        torch.randn(n, generator=generator, dtype=torch.float64) for n in [(40, 16), (50, 16), (50,)]
    )
    bias[3] = 200.0  # the chance of any other word is nothing in float32
    targets = torch.randint(0, 50, (40,), generator=generator)
    targets[[5, 39]] = losses.NO_TARGET
    inputs = [x.float().requires_grad_() for x in (hidden, weight, bias)]
    nats, squares = losses.each(*inputs, targets)
    expected = torch.autograd.grad(3.0 * (nats.sum() + z_loss * squares.sum()), inputs)
    loss, sums = losses.summed(*inputs, targets, z_loss)
    assert torch.allclose(sums.float(), torch.stack([nats.sum(), squares.sum()]), rtol=1e-6)
    for found, wanted in zip(torch.autograd.grad(3.0 * loss, inputs), expected, strict=True):
        assert torch.allclose(found, wanted, rtol=1e-4, atol=1e-4)


def trained(tmp_path, name, **changes):
    from curate.train import TrainSettings, run_training

    settings = {
        "tokens": str(tmp_path / "tokens"),
        "output": str(tmp_path / name),
        "n_vocabulary": 64,
        "steps": 3,
        "warmup_steps": 1,
        "dtype": "float32",
        "peak_flops": 1e9,
        "save_async": False,
    }
    return run_training(TrainSettings(**(settings | changes)))


def test_passes_that_are_added_up_equal_one_pass(tmp_path):
    write_token_folder(tmp_path / "tokens", {"web": 100})
    whole = trained(tmp_path, "whole", micro_windows=8)
    assert trained(tmp_path, "parts", micro_windows=1).loss == pytest.approx(whole.loss, abs=1e-5)
    lean = trained(tmp_path, "lean", micro_windows=1, gather="pass")
    assert lean.loss == pytest.approx(whole.loss, abs=1e-5)


@pytest.mark.parametrize(
    ("preset", "kind"), [("phi-tiny", "PhiForCausalLM"), ("llama-tiny", "LlamaForCausalLM")]
)
@pytest.mark.filterwarnings("ignore")
def test_exported_logits_equal_ours(tmp_path, preset, kind):
    transformers = pytest.importorskip("transformers")
    from curate.train import export
    from curate.train.weights import load_decoder, read_trained

    write_token_folder(tmp_path / "tokens", {"web": 100})
    trained(tmp_path, "run", preset=preset)
    export(tmp_path / "run", tmp_path / "out")
    theirs = getattr(transformers, kind).from_pretrained(tmp_path / "out")
    tokens = torch.tensor([[EOS, *range(1, 40)]])
    ours = load_decoder(read_trained(tmp_path / "out"))
    with torch.no_grad():
        expected = theirs(tokens).logits[0]
    window = np.append(tokens[0].numpy(), 1)
    assert torch.allclose(logits(ours, window)[:40], expected, atol=1e-5)


def test_a_checkpoint_that_is_not_whole_is_passed_over(tmp_path):
    write_token_folder(tmp_path / "tokens", {"web": 100})
    trained(tmp_path, "run", save_every=2, keep=9)
    checkpoints = tmp_path / "run" / "checkpoints"
    (checkpoints / "step-00000003").rename(checkpoints / ".saving-00000003")
    (checkpoints / ".saving-00000003" / "state.json").unlink()
    assert trained(tmp_path, "run").step == 3
    assert not list(checkpoints.glob(".saving-*"))
    steps = [
        json.loads(line)["step"] for line in (tmp_path / "run" / "metrics.jsonl").read_text().splitlines()
    ]
    assert steps == [1, 2, 3]


def test_other_tokens_than_those_of_the_checkpoint_are_refused(tmp_path):
    from curate.errors import ChangedSettingsError

    write_token_folder(tmp_path / "tokens", {"web": 100})
    trained(tmp_path, "run")
    write_token_folder(tmp_path / "tokens", {"web": 100}, seed=1)
    with pytest.raises(ChangedSettingsError, match="Other token files"):
        trained(tmp_path, "run")


def test_another_model_or_order_than_that_of_the_checkpoint_is_refused_by_name(tmp_path):
    from curate.errors import ChangedSettingsError

    write_token_folder(tmp_path / "tokens", {"web": 100})
    trained(tmp_path, "run")
    with pytest.raises(ChangedSettingsError, match="Another model shape .* n_layers was 2, now 3"):
        trained(tmp_path, "run", n_layers=3)
    with pytest.raises(ChangedSettingsError, match="seed was 0, now 5, batch_windows was 8, now 4"):
        trained(tmp_path, "run", seed=5, batch_windows=4)


class Trap:
    """Makes a file when it is unpickled."""

    def __init__(self, path):
        self.path = str(path)

    def __reduce__(self):
        return open, (self.path, "w")


def test_a_checkpoint_from_elsewhere_runs_nothing(tmp_path):
    from curate.errors import SettingError
    from curate.train.weights import read_trained

    write_token_folder(tmp_path / "tokens", {"web": 100})
    trained(tmp_path, "run")
    layout = tmp_path / "run" / "checkpoints" / "step-00000003" / ".metadata"
    metadata = pickle.loads(layout.read_bytes())
    metadata.planner_data["trap"] = Trap(tmp_path / "sprung")
    layout.write_bytes(pickle.dumps(metadata))
    with pytest.raises(SettingError, match="which no checkpoint needs"):
        read_trained(tmp_path / "run")
    assert not (tmp_path / "sprung").exists()


def test_half_a_line_of_metrics_is_left_out_when_a_killed_run_goes_on(tmp_path):
    write_token_folder(tmp_path / "tokens", {"web": 100})
    trained(tmp_path, "run", save_every=2, steps=2)
    metrics = tmp_path / "run" / "metrics.jsonl"
    with metrics.open("a") as file:
        file.write('{"step": 3, "passes": {"web": 0.1}')
    trained(tmp_path, "run")
    assert [json.loads(line)["step"] for line in metrics.read_text().splitlines()] == [1, 2, 3]


def test_shapes_that_cannot_be_grown_are_refused():
    from curate.errors import SettingError
    from curate.train.grow import check_growth
    from curate.train.shape import preset

    shape = preset("phi-tiny")
    with pytest.raises(SettingError, match="n_rotary"):
        check_growth(shape, dataclasses.replace(shape, n_rotary=16))
