"""URL rules, personal data, decontamination and word lists."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curate.errors import SettingError
from curate.rules import BadWords, Decontaminator, UrlRules, redact_pii
from curate.rules.decontaminate import fold_words
from curate.text.words import hash_words

LIST = """
# a comment
example.com  # a domain and what is below it
host:www.only.example
domain:Sub.Example.ORG
||ads.example^
substring:/casino/
substring:casino
"""


@pytest.mark.parametrize(
    ("url", "reason", "entry"),
    [
        ("https://example.com/a", "url_domain", "example.com"),
        ("HTTP://User:pw@WWW.Example.com.:8080/", "url_domain", "example.com"),
        ("example.com", "url_domain", "example.com"),
        ("//a.b.c.example.com?x", "url_domain", "example.com"),
        ("https://notexample.com/", None, None),
        ("https://example.com.evil.test/", None, None),
        ("https://www.only.example/x", "url_host", "www.only.example"),
        ("https://a.www.only.example/x", None, None),
        ("https://x.sub.example.org", "url_domain", "sub.example.org"),
        ("https://example.org", None, None),
        ("https://cdn.ads.example#f", "url_domain", "ads.example"),
        ("https://fine.test/CASINO/x", "url_substring", "/casino/"),
        ("https://fine.test/casinos", "url_substring", "casino"),
        ("https://[2001:db8::1]:80/", None, None),
        ("", None, None),
        (None, None, None),
        ("mailto:someone", None, None),
    ],
)
def test_addresses_match_hosts_domains_and_substrings(url, reason, entry):
    rules = UrlRules.from_lines(LIST.splitlines())
    assert rules.match(pa.array([url, "https://other.test"], pa.string())).to_pylist()[0] == {
        "drop_reason": reason,
        "entry": entry,
    }


def test_blocklist_files_are_joined_and_wrong_lines_named(tmp_path):
    (tmp_path / "a.txt").write_text("one.test\n", encoding="utf-8")
    (tmp_path / "b.txt").write_text("substring:two\n", encoding="utf-8")
    rules = UrlRules.from_files([str(tmp_path / "a.txt"), str(tmp_path / "b.txt")])
    assert rules.domains == {"one.test"}
    assert rules.substrings == ("two",)
    (tmp_path / "c.txt").write_text("one.test\nhttp://one.test/\n", encoding="utf-8")
    with pytest.raises(SettingError, match=r"line 2"):
        UrlRules.from_files([str(tmp_path / "c.txt")])
    with pytest.raises(SettingError, match="cannot be read"):
        UrlRules.from_files([str(tmp_path / "absent.txt")])


@pytest.mark.parametrize(
    ("text", "redacted", "n_emails", "n_ips"),
    [
        ("Mail jo.doe+x@mail.shop.co.uk, now.", "Mail email@example.com, now.", 1, 0),
        ("a@b.de b@c.fr", "email@example.com email@example.com", 2, 0),
        ("see someone@example.org or root@localhost", "see someone@example.org or root@localhost", 0, 0),
        ("@handle a@b user@host", "@handle a@b user@host", 0, 0),
        ("from 8.8.8.8, 1.1.1.1.", "from 192.0.2.1, 192.0.2.1.", 0, 2),
        ("at 192.168.1.1 10.0.0.1 127.0.0.1 192.0.2.7", "at 192.168.1.1 10.0.0.1 127.0.0.1 192.0.2.7", 0, 0),
        (
            "version 1.2.3.4.5 and 300.1.1.1 and v8.8.8.8",
            "version 1.2.3.4.5 and 300.1.1.1 and v8.8.8.8",
            0,
            0,
        ),
        ("host 2a00:1450:4001:81b::200e up", "host 192.0.2.1 up", 0, 1),
        ("at 12:30:45 std::vector 2001:db8::1", "at 12:30:45 std::vector 2001:db8::1", 0, 0),
        ("Version 4.8.0.1 at 8.8.4.4, EC 2.7.1.1", "Version 4.8.0.1 at 192.0.2.1, EC 2.7.1.1", 0, 1),
        (
            "jürgen@bäcker.de ο@ρ.ελ 写信a@b.cn谢谢",
            "email@example.com email@example.com 写信email@example.com谢谢",
            3,
            0,
        ),
        ("icon@2x.png git@hub.com:a pi@rasp.local", "icon@2x.png git@hub.com:a pi@rasp.local", 0, 0),
        ("'o'neil@pub.ie' _a_@b.org", "'email@example.com' email@example.com", 2, 0),
        ("", "", 0, 0),
        # An address that stays hides none beside it.
        (
            "you@example.com or write to support@shop.com.",
            "you@example.com or write to email@example.com.",
            1,
            0,
        ),
        (
            "git@github.com:acme/tool; bugs to jane.doe@acme.io",
            "git@github.com:acme/tool; bugs to email@example.com",
            1,
            0,
        ),
        ("src=logo@2x.png Contact: jane@acme.io", "src=logo@2x.png Contact: email@example.com", 1, 0),
        (
            "alice@example.com, jane@acme.io, john@acme.io",
            "alice@example.com, email@example.com, email@example.com",
            2,
            0,
        ),
        ("a@b.de@c.fr@d.it", "email@example.com", 1, 0),
        # What joins words may stand before and behind.
        ("Email:-info@shop.com -sales@shop.com", "Email:-email@example.com -email@example.com", 2, 0),
        (
            ".....ann@shop.com mailto:%20ann@shop.com",
            ".....email@example.com mailto:%email@example.com",
            2,
            0,
        ),
        ("ann@shop.com- call ann@site.xn--p1ai", "email@example.com- call email@example.com", 2, 0),
        ("wang@163.com", "email@example.com", 1, 0),
        ("at 2a00::1", "at 192.0.2.1", 0, 1),
        # Numbers and formulas of lessons are no addresses.
        ("y = W@x.reshape(-1) + A@B.transpose()", "y = W@x.reshape(-1) + A@B.transpose()", 0, 0),
        ("mAP@0.5.The results, pkg@1.2.3.tgz", "mAP@0.5.The results, pkg@1.2.3.tgz", 0, 0),
        ("EC number 3.4.21.4, enzyme 3.4.21.4", "EC number 3.4.21.4, enzyme 3.4.21.4", 0, 0),
        ("3.1.2.4 Definitions\n3.1.2.5 Terms", "3.1.2.4 Definitions\n3.1.2.5 Terms", 0, 0),
        (
            "Sec. 4.3.2.1, Table A 1.2.3.4, Theorem 3.1.2.4",
            "Sec. 4.3.2.1, Table A 1.2.3.4, Theorem 3.1.2.4",
            0,
            0,
        ),
        ("Chrome/119.0.6.45 to 239.255.255.250", "Chrome/119.0.6.45 to 239.255.255.250", 0, 0),
        ("2024:11:05:12:30:15:00:00", "2024:11:05:12:30:15:00:00", 0, 0),
        ("http://8.8.4.4/ and 8.8.4.4 answers", "http://192.0.2.1/ and 192.0.2.1 answers", 0, 2),
    ],
)
def test_addresses_are_replaced_and_counted(text, redacted, n_emails, n_ips):
    texts, emails, ips = redact_pii(pa.array(["plain", text, None]))
    assert texts.to_pylist() == ["plain", redacted, ""]
    assert (emails.to_pylist(), ips.to_pylist()) == ([0, n_emails, 0], [0, n_ips, 0])


@given(
    st.lists(
        st.sampled_from(
            ["ann@shop.com", "you@example.com", "git@github.com:a", "@", ".", "-", "%", "+", "'", " ", "a", "1", "8.8.8.8",
             "logo@2x.png", "(", "x@y.mean(", "2a00::1", "a@b.de", "EC ", "\n", "é"]
        ),
        max_size=14,
    )
)  # fmt: skip
def test_redacting_twice_changes_nothing_and_no_address_stays_whole(parts):
    text = "".join(parts)
    once = redact_pii(pa.array([text]))[0]
    assert redact_pii(once)[0].equals(once)
    if " ann@shop.com " in text:
        assert " ann@shop.com " not in once[0].as_py()


def test_the_steps_of_redaction_grow_as_the_text_does(monkeypatch):
    import curate.rules.pii as room

    class Counted:
        def __init__(self, pattern):
            self.pattern, self.n = pattern, 0

        def match(self, *arguments):
            self.n += 1
            return self.pattern.match(*arguments)

    for text in ("a@", "@", "a@a.", "." * 70 + "@a.de "):
        counts = []
        for size in (200, 400):
            patterns = {name: Counted(getattr(room, name)) for name in ("_DOMAIN", "_LOCAL", "_LOCAL_START")}
            with monkeypatch.context() as patch:
                for name, counted in patterns.items():
                    patch.setattr(room, name, counted)
                redact_pii(pa.array([text * size]))
            counts.append(sum(counted.n for counted in patterns.values()))
        assert counts[1] <= 2.1 * counts[0]


def test_the_labelled_sentences_are_redacted_no_worse_than_documented():
    """Figures of docs/rules.md, which `python -m benchmarks pii` gives."""
    labelled = Path(__file__).with_name("pii_labelled.jsonl").read_text(encoding="utf-8").splitlines()
    rows = [json.loads(line) for line in labelled]
    redacted = redact_pii(pa.array([row["text"] for row in rows]))[0].to_pylist()
    left = {
        kind: [a for row, text in zip(rows, redacted, strict=True) for a in row[kind] if a in text]
        for kind in ("emails", "ips", "others")
    }
    assert left["emails"] == ['"very unusual"@strange.org']
    assert left["ips"] == []
    assert sum(len(row["others"]) for row in rows) - len(left["others"]) <= 4


@settings(max_examples=200, deadline=None)
@given(st.text("ab1.@:-_ 8", max_size=60) | st.text(max_size=40))
def test_redacting_twice_changes_nothing(text):
    once, _, _ = redact_pii(pa.array([text]))
    twice, n_emails, n_ips = redact_pii(once)
    assert twice.equals(once)
    assert (n_emails[0].as_py(), n_ips[0].as_py()) == (0, 0)


QUESTION = "If a train leaves the station at noon and travels west for three hours, how far does it go?"


def test_a_page_with_a_benchmarks_ngram_is_named_with_benchmark_and_ngram():
    found = Decontaminator({"quiz": [QUESTION]}).match(
        pa.array(
            [
                "Intro. IF a train -- leaves the Station at noon and travels WEST for three days.",
                QUESTION[:60],
                None,
            ]
        )
    )
    assert found.to_pylist() == [
        {
            "benchmark": "quiz",
            "ngram": "if a train leaves the station at noon and travels west for three",
            "n_matches": 1,
        },
        {"benchmark": None, "ngram": None, "n_matches": 0},
        {"benchmark": None, "ngram": None, "n_matches": 0},
    ]


@settings(max_examples=100, deadline=None)
@given(
    st.lists(st.text("ab 日.", max_size=30), max_size=4),
    st.lists(st.text("ab 日.", max_size=60), min_size=1, max_size=4),
    st.integers(1, 5),
)
def test_matching_equals_sets_of_ngrams(items, pages, n):
    def ngrams(text):
        """From each word the shortest run that counts 2 n - 1, where a word counts 2 and a Han character 1."""
        words = fold_words(text)
        found = []
        for i in range(len(words)):
            runs = (words[i:j] for j in range(i + 1, len(words) + 1))
            long_enough = (run for run in runs if sum(2 - (word == "日") for word in run) >= 2 * n - 1)
            found += [tuple(run) for run in [next(long_enough, None)] if run is not None]
        return found

    looked_for = {gram for item in items for gram in ngrams(item)}
    found = Decontaminator({"b": items}, n).match(pa.array(pages)).to_pylist()
    for page, row in zip(pages, found, strict=True):
        matching = [gram for gram in ngrams(page) if gram in looked_for]
        assert row["n_matches"] == len(matching)
        assert row["ngram"] == (" ".join(matching[0]) if matching else None)


@settings(max_examples=100, deadline=None)
@given(st.text(max_size=60))
def test_folded_words_are_the_words_that_are_hashed(text):
    assert len(fold_words(text)) == len(hash_words(pa.array([text])).hashes)


def test_benchmarks_are_read_from_json_lines_json_and_text(tmp_path):
    record = {"question": QUESTION, "choices": ["short", QUESTION.upper()], "n": 3}
    with gzip.open(tmp_path / "one.v1.jsonl.gz", "wt", encoding="utf-8") as file:
        file.write(json.dumps(record) + "\n\n")
    (tmp_path / "two.json").write_text(json.dumps({"deep": [record]}), encoding="utf-8")
    (tmp_path / "three.txt").write_text("nothing of note\n" + QUESTION + "\n", encoding="utf-8")
    for name in ("one.v1.jsonl.gz", "two.json", "three.txt"):
        made = Decontaminator.from_files([str(tmp_path / name)])
        assert made.match(pa.array([QUESTION])).to_pylist()[0]["benchmark"] == name.split(".")[0]
        assert made.n_ngrams == len(QUESTION.split()) - 12


def test_a_benchmark_that_cannot_be_used_is_an_error(tmp_path):
    (tmp_path / "short.txt").write_text("too short\n", encoding="utf-8")
    (tmp_path / "broken.jsonl").write_text("{\n", encoding="utf-8")
    with pytest.raises(SettingError, match="No item of"):
        Decontaminator.from_files([str(tmp_path / "short.txt")])
    with pytest.raises(SettingError, match="line 1, is no JSON object"):
        Decontaminator.from_files([str(tmp_path / "broken.jsonl")])
    with pytest.raises(SettingError, match="at least 1 word"):
        Decontaminator({}, 0)


def test_bad_words_stand_on_their_own():
    words = BadWords(["darn", "Heck it", "c++"])
    texts = ["Oh DARN!", "darnation", "first\ndarn", "heck it", "in C++ now", "undarned", "x", None]
    assert words.match(pa.array(texts)).to_pylist() == [
        "darn",
        None,
        "darn",
        "heck it",
        "c++",
        None,
        None,
        None,
    ]


def test_an_empty_word_list_is_an_error(tmp_path):
    (tmp_path / "words.txt").write_text("# nothing\n\n", encoding="utf-8")
    with pytest.raises(SettingError, match="empty"):
        BadWords.from_files([str(tmp_path / "words.txt")])


def test_letters_of_every_alphabet_are_part_of_a_word_and_scripts_without_spaces_need_no_edge():
    words = BadWords(["манда", "con", "cul", "زب", "笨蛋", "cafe\u0301"])
    texts = [
        "Наша команда",
        "ох, Манда!",
        "un outil conçu",
        "un con.",
        "éculé",
        "حزب",
        "他是笨蛋吗",
        "Un CAFÉ noir",
        "naïcon",
    ]
    assert words.match(pa.array(texts)).to_pylist() == [
        None,
        "манда",
        None,
        "con",
        None,
        None,
        "笨蛋",
        "café",
        None,
    ]


@pytest.mark.parametrize(
    ("word", "found", "passed"),
    [
        ("κακός", "ΚΑΚΌΣ!", "κακόσχημο"),
        ("strasse", "die Straße", "Strassenbahn"),
        ("Straße", "STRASSE", "Straßen"),
        ("darn", "ｄａｒｎ it", "ｄａｒｎｅｄ"),
        ("darn", "da\u00adrn", "darn\u00aded"),
        ("café", "le cafe\u0301", "cafe"),
        ("ガキ", "ｶﾞｷだ", "カキ"),
        ("darn", "这darn东西", "这darned东西"),
        ("傻b", "你是傻B吗", "傻bc"),
        ("darn", "darn은 나쁘다", "darné"),
        ("바보", "바보!", "바보상자"),
        ("กา", "อีกานะ", "กา\u0e48นะ"),
    ],
)
def test_a_listed_word_is_found_as_it_is_written_and_not_within_another(word, found, passed):
    assert BadWords([word]).match(pa.array([found, passed])).to_pylist() == [word.lower(), None]


def test_a_long_name_in_chinese_is_no_benchmark():
    name = "中华人民共和国全国人民代表大会常务委员会"
    item = f"{name}每两个月举行一次会议，由委员长召集并主持。"
    found = Decontaminator({"quiz": [item]}).match(
        pa.array([f"昨天{name}在北京开会。", f"根据规定，{item}", "The committee met in Beijing."])
    )
    assert found["benchmark"].to_pylist() == [None, "quiz", None]
    assert found["n_matches"].to_pylist() == [0, len(fold_words(item)) - 24, 0]


@pytest.mark.parametrize(
    "text",
    [
        "Abschnitt 3.1.2.5", "Fassung 4.17.2.0", "paragraphe 3.1.2.5", "versión 4.17.2.0", "Раздел 3.1.2.5", "версии 4.1.2.5",
        "seção 3.1.2.5", "versione: 4.17.2.0", "rozdział 3.1.2.5", "hoofdstuk 3.1.2.5", "sürüm 4.17.2.0", "版本4.17.2.0",
        "odjeljak 3.1.2.5", "Kap. 3.1.2.5", "peatükk 3.1.2.5", "skyrius 3.1.2.5", "útgáfa 4.17.2.0", "secció 3.1.2.5",
        "সংস্করণ 4.17.2.0", "ورژن 4.17.2.0", "ვერსია 4.17.2.0", "版本號：4.17.2.0", "见3.1.2.5节", "규정 3.1.2.5절",
        "第3.1.2.5节", "バージョン 4.17.2.0", "버전 4.17.2.0", "الإصدار 4.17.2.0", "संस्करण 4.17.2.0", "phiên bản 4.17.2.0",
    ],
)  # fmt: skip
def test_numbers_of_sections_and_versions_stay_in_other_languages(text):
    assert redact_pii(pa.array([text]))[0].to_pylist() == [text]


@pytest.mark.parametrize(
    ("text", "redacted"),
    [
        ("地址8.8.8.8的服务器", "地址192.0.2.1的服务器"),
        ("サーバーは8.8.4.4です", "サーバーは192.0.2.1です"),
        ("主机2a00:1450:4001:81b::200e的", "主机192.0.2.1的"),
        ("Server 8.8.8.8 im Abschnitt Netz", "Server 192.0.2.1 im Abschnitt Netz"),
        ("v8.8.8.8 é8.8.8.8", "v8.8.8.8 é8.8.8.8"),
        ("echo 8.8.8.8; по 8.8.4.4, статус 1.1.1.1", "echo 192.0.2.1; по 192.0.2.1, статус 192.0.2.1"),
        ("请写信给zhang@公司.中国谢谢", "请写信给email@example.com谢谢"),
        ("اكتب إلى ahmed@شركة.مصر الآن", "اكتب إلى email@example.com الآن"),
        ("लिखें ram@डाटा.भारत पर", "लिखें email@example.com पर"),
        ("메일: 김@회사.한국 입니다", "메일: email@example.com 입니다"),
        ("메일은ann@shop.kr로, 서버 8.8.8.8에서", "메일은email@example.com로, 서버 192.0.2.1에서"),
        ("tanaka＠mail.jp、次", "email@example.com、次"),
        ("viết cho nguyễn@mail.vn", "viết cho email@example.com"),
        ("לכתוב אל דוד@mail.co.il", "לכתוב אל email@example.com"),
        ("लिखें अनिता@डाटा.भारत पर", "लिखें email@example.com पर"),
        ("ann@例え.jp へ", "email@example.com へ"),
        ("联系张伟@公司.中国谢谢", "联系email@example.com谢谢"),
        ("请写信给王芳@网络.中国。", "请写信给email@example.com。"),
        ("連絡先は田中＠会社.みんなです", "連絡先はemail@example.comです"),
        ("ผู้ใช้ สมชาย@บริษัท.ไทย", "ผู้ใช้ email@example.com"),
        ("我@张三一起去，昵称@qq.com", "我@张三一起去，昵称@qq.com"),
        ("地址８.８.８.８的", "地址192.0.2.1的"),
        ("サーバー：８．８．４．４です。１．２", "サーバー：192.0.2.1です。１．２"),
        ("第３．２．１．４节，版本８.８.８.８", "第３．２．１．４节，版本８.８.８.８"),
        ("ｔａｎａｋａ＠ｍａｉｌ．ｃｏ．ｊｐまで", "email@example.comまで"),
        ("ann@shop.jp．Ｎ", "email@example.com．Ｎ"),
    ],
)
def test_addresses_are_found_beside_and_in_other_scripts(text, redacted):
    assert redact_pii(pa.array([text]))[0].to_pylist() == [redacted]


LONG_QUESTION = "how many litres of water does the big tank of a steam locomotive of that time hold"


def write_benchmarks(folder):
    import pyarrow.parquet as pq

    halves = LONG_QUESTION[:38], LONG_QUESTION[38:]
    rows = [{"ctx": halves[0], "endings": [halves[1]]}, {"q": "Too short?"}]
    (folder / "split.JSONL").write_text("".join(json.dumps(row) + "\n" for row in rows))
    pq.write_table(pa.table({"question": [LONG_QUESTION, "Too short?"]}), folder / "table.parquet")
    (folder / "quoted.csv").write_text(
        'id,question\n1,"' + LONG_QUESTION.replace(" tank", "\ntank") + '"\n2,Short?\n'
    )
    return ["split.JSONL", "table.parquet", "quoted.csv"]


@pytest.mark.parametrize("place", [0, 1, 2])
def test_items_are_found_however_their_file_holds_them_and_short_ones_are_told(tmp_path, place):
    path = str(tmp_path / write_benchmarks(tmp_path)[place])
    made = Decontaminator.from_files([path])
    page = pa.array([f"They asked: {LONG_QUESTION}? Nobody knew."])
    assert made.match(page).to_pylist()[0]["benchmark"] == path.rsplit("/", 1)[1].split(".", maxsplit=1)[0]
    assert made.warnings() == [
        "Decontamination: 1 of 2 benchmark items have fewer than 13 words and are not looked for."
    ]


def test_benchmarks_of_one_file_name_are_named_with_their_folders(tmp_path):
    paths = []
    for name in ("gsm8k", "mmlu"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "test.txt").write_text(f"{name} {LONG_QUESTION}\n")
        paths.append(str(tmp_path / name / "test.txt"))
    made = Decontaminator.from_files(paths)
    found = made.match(pa.array([f"mmlu {LONG_QUESTION}", f"gsm8k {LONG_QUESTION}"])).to_pylist()
    assert {row["benchmark"] for row in found} <= {"gsm8k/test", "mmlu/test"}


def test_a_folder_in_the_layout_of_the_ut1_lists_is_a_blocklist(tmp_path):
    (tmp_path / "adult").mkdir()
    (tmp_path / "adult" / "domains").write_text("bad.example\n192.0.2.7\n")
    (tmp_path / "adult" / "urls").write_text("mixed.example/~bad\nmixed.example/b/c/\n")
    (tmp_path / "adult" / "expressions").write_text("(^|[-.])bad($|[-.])\n")
    (tmp_path / "adult" / "usage").write_text("black\n")
    urls = {
        "https://www.bad.example/x": "url_domain",
        "http://192.0.2.7/": "url_domain",
        "http://mixed.example/~bad": "url_path",
        "https://www.mixed.example/~bad/pictures/1.html?x=1": "url_path",
        "https://mixed.example/b/c#top": "url_path",
        "https://mixed.example/~badger": None,
        "https://mixed.example/b": None,
        "https://mixed.example/": None,
        "https://fine.example/mixed.example/~bad": None,
        None: None,
    }
    for folder in (tmp_path, tmp_path / "adult"):
        found = UrlRules.from_files([str(folder)]).match(pa.array(list(urls), pa.string()))
        assert found["drop_reason"].to_pylist() == list(urls.values())
    assert found["entry"].to_pylist()[2:5] == [
        "mixed.example/~bad",
        "mixed.example/~bad",
        "mixed.example/b/c",
    ]


def test_a_folder_without_lists_is_refused(tmp_path):
    with pytest.raises(SettingError, match="holds no blocklist"):
        UrlRules.from_files([str(tmp_path)])


@given(
    st.lists(st.sampled_from("ab."), max_size=12).map("".join),
    st.lists(st.sampled_from("ab/"), max_size=9).map("".join),
)
def test_a_list_is_looked_up_from_the_whole_name_upwards(host, path):
    domains, paths = {"b", "a.b", "bb.a.b"}, {"b/a", "a.b/b/a", "b/a/b/b"}
    rules = UrlRules(domains=frozenset(domains), paths=frozenset(paths))
    found = rules.match(pa.array([f"http://{host}/{path}"])).to_pylist()[0]
    labels = host.rstrip(".").split(".")
    above = [".".join(labels[at:]) for at in range(len(labels))]
    parts = f"{host.rstrip('.')}/{path}".rstrip("/").split("/")
    below = ["/".join(parts[:n]) for n in range(len(parts), 1, -1)]
    expected = next((entry for entry in above if entry in domains), None) or next(
        (entry for entry in below if entry in paths), None
    )
    assert found["entry"] == expected


@pytest.mark.timeout(60)
def test_an_address_of_a_million_names_costs_what_its_letters_do():
    rules = UrlRules.from_lines(
        ["a.b", "path:c.d/e"]
    )  # each name, or folder, was cut off with a copy of the rest
    urls = pa.array(["http://" + "1." * 2_000_000, "http://c.d/" + "e/" * 2_000_000])
    assert rules.match(urls)["entry"].to_pylist() == [None, "c.d/e"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("ann\u200b@\u200bshop.org", "email@example.com"),
        ("Write to ann@shop\u00adfix.org.", "Write to email@example.com."),
        ("\u2067ann@\u200eshop.o\ufeffrg\u2069 and bob@shop.org", "\u2067email@example.com\u2069 and email@example.com"),
        ("ann@shop.org\u200bNext", "email@example.com\u200bNext"),  # between words it parts them, as before
        ("wang\uff20\u200b\uff11\uff16\uff13.com", "email@example.com"),
        ("git@\u200bgithub.com and ann@\u200bexample.org", "git@\u200bgithub.com and ann@\u200bexample.org"),
    ],
)  # fmt: skip
def test_an_address_with_signs_in_it_that_nobody_sees_is_replaced(text, expected):
    redacted, n_emails, _ = redact_pii(pa.array([text]))
    assert redacted.to_pylist() == [expected]
    assert n_emails[0].as_py() == expected.count("email@")
    assert redact_pii(redacted)[0].to_pylist() == [expected]


@given(
    st.text(st.sampled_from("ab@.-\u200b\u00ad\u200f \uff20\uff41"), max_size=16).map(
        lambda text: f"{text}x@y.org{text}"
    )
)
def test_redacting_twice_changes_nothing_whatever_signs_nobody_sees(text):
    once = redact_pii(pa.array([text]))[0]
    assert redact_pii(once)[0].to_pylist() == once.to_pylist()
