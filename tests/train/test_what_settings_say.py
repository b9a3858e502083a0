"""A run does what its settings say, with the tokens and the tokenizer that it names, or refuses in one line."""

import json
import shutil

import numpy as np
import pytest
from test_resume import SETTINGS, assert_same, losses, weights
from token_folder import tokenizer_json, write_token_folder

torch = pytest.importorskip("torch")

SHORT = SETTINGS | {"eval_every": 0, "save_every": 2, "steps": 4, "batch_windows": 2, "micro_windows": 2}


@pytest.fixture(scope="module")
def tokens(tmp_path_factory):
    return write_token_folder(tmp_path_factory.mktemp("data") / "tokens", {"web": 120})


def run(tokens, output, **changes):
    from curate.train import TrainSettings, run_training

    return run_training(TrainSettings(**SHORT | {"tokens": str(tokens), "output": str(output)} | changes))


def refused(tokens, output, **changes):
    from curate.errors import SettingError

    with pytest.raises(SettingError) as caught:
        run(tokens, output, **changes)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_a_run_keeps_its_tokenizer_whatever_becomes_of_the_token_folder(tokens, tmp_path):
    from curate.train import export, generate

    shutil.copytree(tokens, tmp_path / "tokens")
    run(tmp_path / "tokens", tmp_path / "run")
    before = generate(tmp_path / "run", "w3 w4", n_tokens=5)
    (tmp_path / "tokens" / "tokenizer.json").write_text(json.dumps(tokenizer_json(40)))
    assert generate(tmp_path / "run", "w3 w4", n_tokens=5) == before
    shutil.rmtree(tmp_path / "tokens")
    export(tmp_path / "run", tmp_path / "exported")
    written = json.loads((tmp_path / "exported" / "tokenizer.json").read_text())
    assert written["model"] == tokenizer_json(64)["model"]


@pytest.mark.filterwarnings("ignore")
def test_an_exported_tokenizer_begins_a_text_as_training_began_a_document(tokens, tmp_path):
    from transformers import AutoTokenizer

    from curate.train import export

    shutil.copytree(tokens, tmp_path / "tokens")
    own = tokenizer_json(64)
    own["post_processor"] = {  # a template that training does not use
        "type": "TemplateProcessing",
        "single": [{"SpecialToken": {"id": "w5", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}],
        "pair": [{"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 1}}],
        "special_tokens": {"w5": {"id": "w5", "ids": [5], "tokens": ["w5"]}},
    }
    (tmp_path / "tokens" / "tokenizer.json").write_text(json.dumps(own))
    run(tmp_path / "tokens", tmp_path / "run")
    export(tmp_path / "run", tmp_path / "exported")
    assert AutoTokenizer.from_pretrained(tmp_path / "exported")("w3 w4")["input_ids"] == [0, 3, 4]


def test_changed_optimiser_settings_take_effect_when_a_run_goes_on(tokens, tmp_path):
    run(tokens, tmp_path / "one", steps=4, schedule="constant")
    shutil.copytree(tmp_path / "one", tmp_path / "two")
    shutil.copytree(tmp_path / "one", tmp_path / "three")
    run(tokens, tmp_path / "two", steps=8, schedule="constant")
    run(tokens, tmp_path / "three", steps=8, schedule="constant", weight_decay=5.0, beta1=0.5)
    same, other = weights(tmp_path / "two"), weights(tmp_path / "three")
    assert losses(tmp_path / "two")[:4] == losses(tmp_path / "three")[:4]
    assert not all(torch.equal(same[name], other[name]) for name in same)


def test_fewer_steps_than_are_done_are_refused(tokens, tmp_path):
    run(tokens, tmp_path / "run", steps=4)
    assert "4 steps are done, and the settings ask for 2" in refused(tokens, tmp_path / "run", steps=2)


def test_steps_that_end_before_a_stage_of_the_plan_are_told(tokens, tmp_path):
    shutil.copytree(tokens, tmp_path / "tokens")
    plan = json.loads((tmp_path / "tokens" / "plan.json").read_text())
    main = plan["stages"][0]
    plan["stages"] = [main | {"share": 0.8}, main | {"name": "best-last", "share": 0.2}]
    (tmp_path / "tokens" / "plan.json").write_text(json.dumps(plan))
    assert "best-last" in run(tmp_path / "tokens", tmp_path / "run", steps=2).notes[0]
    assert not run(tokens, tmp_path / "whole", steps=2).notes


@pytest.mark.parametrize("ending", [".bin", ".bytes"])
def test_tokens_that_are_not_those_that_were_written_are_refused(tokens, tmp_path, ending):
    shutil.copytree(tokens, tmp_path / "tokens")
    file = tmp_path / "tokens" / "train" / f"web.all.all{ending}"
    numbers = np.fromfile(file, np.uint16)
    np.random.default_rng(0).permutation(numbers).tofile(file)
    assert "are not those that were written" in refused(tmp_path / "tokens", tmp_path / "run")
    run(tmp_path / "tokens", tmp_path / "unchecked", check_tokens=False, steps=1)


def test_a_model_of_another_tokenizer_is_not_begun_with(tokens, tmp_path):
    run(tokens, tmp_path / "small")
    other = write_token_folder(tmp_path / "tokens", {"web": 100})
    vocabulary = tokenizer_json(64)
    words = vocabulary["model"]["vocab"]
    words["w1"], words["w2"] = words["w2"], words["w1"]
    (other / "tokenizer.json").write_text(json.dumps(vocabulary))
    assert "another tokenizer" in refused(other, tmp_path / "run", init_from=str(tmp_path / "small"))


def llama(folder, **changes):
    from transformers import LlamaConfig, LlamaForCausalLM

    values = {
        "vocab_size": 128,
        "hidden_size": 48,
        "intermediate_size": 80,
        "num_hidden_layers": 2,
        "num_attention_heads": 3,
        "num_key_value_heads": 1,
        "max_position_embeddings": 64,
        "rms_norm_eps": 1e-6,
        "rope_theta": 100_000.0,
        "tie_word_embeddings": True,
        "bos_token_id": 0,
        "eos_token_id": 0,
    }
    torch.manual_seed(0)
    model = LlamaForCausalLM(LlamaConfig(**values | changes))
    model.save_pretrained(folder)
    return model


@pytest.mark.filterwarnings("ignore")
def test_a_model_from_elsewhere_is_begun_with_in_one_command(tokens, tmp_path):
    from test_model import logits

    from curate.train.weights import load_decoder, read_trained

    theirs = llama(tmp_path / "theirs")
    result = run(
        tokens,
        tmp_path / "run",
        init_from=str(tmp_path / "theirs"),
        preset=None,
        n_vocabulary=None,
        context=32,
    )
    assert result.step == 4
    shape = read_trained(tmp_path / "run").shape
    assert (shape.tied, shape.rotary_base, shape.norm_eps) == (True, 100_000.0, 1e-6)
    assert (shape.context, shape.n_vocabulary, shape.n_kv_heads) == (32, 128, 1)
    window = np.arange(1, 34)
    ours = logits(load_decoder(read_trained(tmp_path / "theirs")), np.resize(window, 65))
    with torch.no_grad():
        wanted = theirs(torch.tensor(np.resize(window, 64))[None]).logits[0]
    assert torch.allclose(ours[:33], wanted[:33], atol=2e-5)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"hidden_act": "gelu"}, "hidden_act = gelu"),
        ({"mlp_bias": True}, "mlp_bias = True"),
        ({"attention_bias": True}, "attention_bias = True"),
        ({"rope_scaling": {"type": "linear", "factor": 4.0}}, "rotary = linear"),
    ],
)
def test_a_model_that_computes_another_function_is_refused(tokens, tmp_path, changes, said):
    llama(tmp_path / "theirs")
    config = json.loads((tmp_path / "theirs" / "config.json").read_text())
    config.pop("rope_parameters", None)
    (tmp_path / "theirs" / "config.json").write_text(json.dumps(config | changes))
    assert said in refused(
        tokens,
        tmp_path / "run",
        init_from=str(tmp_path / "theirs"),
        preset=None,
        n_vocabulary=None,
        context=32,
    )


@pytest.mark.filterwarnings("ignore")
def test_a_weight_that_a_plain_model_does_not_have_is_no_reason_to_go_on_without_it(tokens, tmp_path):
    from safetensors.torch import load_file, save_file

    llama(tmp_path / "theirs")
    file = tmp_path / "theirs" / "model.safetensors"
    save_file(load_file(file) | {"model.layers.0.mlp.gate_proj.bias": torch.zeros(80)}, file)
    said = refused(
        tokens,
        tmp_path / "run",
        init_from=str(tmp_path / "theirs"),
        preset=None,
        n_vocabulary=None,
        context=32,
    )
    assert "gate_proj.bias" in said


def test_a_prompt_that_fills_the_context_is_an_error(tokens, tmp_path):
    from curate.errors import SettingError
    from curate.train import generate

    run(tokens, tmp_path / "run", context=16)
    with pytest.raises(SettingError, match="at most 15 tokens"):
        generate(tmp_path / "run", "w3 " * 15)
    assert isinstance(generate(tmp_path / "run", "w3 " * 14, n_tokens=1), str)


def test_without_torch_the_trainer_says_what_to_install(monkeypatch, capsys):
    import curate.train
    from curate.cli import run as run_command

    monkeypatch.setattr(curate.train, "find_spec", lambda name: None)
    for command in (
        ["generate", "run"],
        ["export", "run", "out"],
        ["train", "--tokens", "t", "--output", "o"],
    ):
        assert run_command(command) == 2
        assert capsys.readouterr().err.count("\n") == 1


def copy_of(folder, target):
    return shutil.copytree(folder, target) and target


@pytest.fixture(scope="module")
def trained(tokens, tmp_path_factory):
    """A short run, and another to put in its place."""
    root = tmp_path_factory.mktemp("trained")
    run(tokens, root / "old", steps=2, keep=2, save_every=1)
    run(tokens, root / "new", steps=2, seed=5)
    return root


@pytest.mark.filterwarnings("ignore")
def test_an_overwrite_that_dies_at_any_step_is_made_good(tokens, trained, tmp_path, pytestconfig):
    from curate.errors import CurateError
    from curate.train import train
    from deaths import dying, sampled

    def again(output, overwrite):
        settings = SHORT | {"steps": 2, "seed": 5}
        train(tokens, output, overwrite=overwrite, progress=False, **settings)

    target = tmp_path / "run"
    copy_of(trained / "old", target)
    with dying() as disk:
        again(target, True)
    assert_same(target, trained / "new")
    for n in sampled(len(disk.steps), 4, pytestconfig):
        shutil.rmtree(target)
        copy_of(trained / "old", target)
        with dying(n) as dead:
            again(target, True)
        assert dead.is_dead
        said = f"dead at {n} of {len(disk.steps)}: {dead.steps[n - 1]}"
        try:
            again(target, False)
        except CurateError as error:
            assert "\n" not in str(error), said  # noqa: PT017
            again(target, True)
        assert_same(target, trained / "new")
        assert sorted(path.name for path in target.iterdir()) == [
            "checkpoints",
            "metrics.jsonl",
            "run.toml",
        ], said
        assert [len(losses(target)), losses(target)] == [2, losses(trained / "new")], said


@pytest.mark.parametrize(
    "place", ["notes.md", "checkpoints/step-00000001/mine.txt", "checkpoints/best/state.json"]
)
def test_an_overwrite_touches_nothing_where_something_else_lies(tokens, trained, tmp_path, place):
    from curate.errors import SettingError
    from curate.train import train

    target = copy_of(trained / "old", tmp_path / "run")
    (target / place).parent.mkdir(exist_ok=True)
    (target / place).write_text("mine")
    before = sorted(target.rglob("*"))
    with pytest.raises(SettingError, match="did not write"):
        train(tokens, target, overwrite=True, progress=False, **SHORT)
    assert sorted(target.rglob("*")) == before


@pytest.mark.parametrize("name", ["run.toml", "metrics.jsonl"])
def test_files_of_the_user_in_the_place_of_a_runs_stay(tokens, tmp_path, name):
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / name).write_text("# mine\n")
    assert "is not of a run of 'curate train'" in refused(tokens, tmp_path / "run")
    assert (tmp_path / "run" / name).read_text() == "# mine\n"


@pytest.mark.parametrize("name", ["run.toml", "metrics.jsonl", "checkpoints/.saving-00000009"])
def test_a_strangers_run_writes_through_no_link(tokens, trained, tmp_path, name):
    target = copy_of(trained / "old", tmp_path / "run")
    (tmp_path / "precious").write_text("mine")
    (target / name).unlink(missing_ok=True)
    (target / name).symlink_to(tmp_path / "precious")
    assert "is a link" in refused(tokens, target, steps=3)
    assert (tmp_path / "precious").read_text() == "mine"


def test_of_two_trainings_at_once_the_second_is_told_so_and_overwrites_nothing(tokens, trained, tmp_path):
    from curate.errors import SettingError
    from curate.train import train
    from curate.work.lock import locked

    target = copy_of(trained / "old", tmp_path / "run")
    (target / "checkpoints" / ".saving-00000004").mkdir()  # what the first is about to save
    before = sorted(target.rglob("*"))
    with locked(target):
        for overwrite in (True, False):
            with pytest.raises(SettingError, match="Another process is writing to"):
                train(tokens, target, overwrite=overwrite, progress=False, **SHORT)
    assert sorted(target.rglob("*")) == before
