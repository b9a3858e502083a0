"""Rule sets for program files, as data, each with its source.

Rules of prose kill programs: of 322 program files given as JSONL the default sets for pages dropped 97%. These judge
lines as they are, and only what the text alone shows; `code` is the default, and the published sets stand beside it.
"""

from __future__ import annotations

from curate.rules.model import Rule, RuleSet

CODE_VERSIONS = {
    "code": "default",
    "code-stack": "starcoder",
    "code-stack2": "starcoder2",
    "code-opencoder": "others",
}

STARCODER = "Li et al. 2023, arXiv 2305.06161, section 3.2, and Kocetkov et al. 2022, arXiv 2211.15533"
STARCODER2 = "Lozhkov et al. 2024, arXiv 2402.19173, section 3.1"
OPENCODER = "Huang et al. 2024, arXiv 2411.04905, appendix A; OpenCoder-llm/opc_data_filtering, code_filter_config['others']"

CODE_SETS = (
    RuleSet(
        "code",
        "default",
        f"{STARCODER}; {STARCODER2}; limits of lines and letters widened as the notes say",
        (
            Rule("code_generated", "program_is_generated", high=0, hard=True),
            Rule("code_encoded", "program_frac_encoded_chars", high=0.5),
            Rule("code_encoded_run", "program_max_encoded_chars", high=1024),
            Rule("code_digits", "program_frac_visible_digits", high=0.5, hard=True),
            Rule("code_max_line_chars", "program_max_line_chars", high=1000),
            Rule("code_mean_line_chars", "program_mean_line_chars", high=100),
            Rule("code_alnum_chars", "program_frac_alnum_chars", low=0.2),
            Rule("code_n_lines", "program_n_lines", low=2, high=100_000),
            Rule("code_broken_chars", "program_frac_replaced_chars", high=0.01),
        ),
        notes=(
            "Generated text and tables of digits are unusable whatever the score says; long lines and encoded data may be "
            "spared by it. Letters and numbers of all characters: The Stack asks for 0.25, which a shader or a drawn "
            "example with much white space falls below; data tables are caught by their digits."
        ),
    ),
    RuleSet(
        "code-stack",
        "starcoder",
        STARCODER,
        (
            Rule("stack_max_line_chars", "program_max_line_chars", high=1000),
            Rule("stack_mean_line_chars", "program_mean_line_chars", high=100),
            Rule("stack_alnum_chars", "program_frac_alnum_chars", low=0.25),
            Rule("stack_alpha_chars", "program_frac_alpha_chars", low=0.25),
            Rule("stack_xml", "program_is_xml", high=0),
        ),
        notes=(
            "The filters for HTML, JSON and YAML are left out: such files are not read as programs. The letter filter "
            "spares two assembly languages there, which a rule cannot see here."
        ),
    ),
    RuleSet(
        "code-stack2",
        "starcoder2",
        STARCODER2,
        (
            Rule("stack2_n_lines", "program_n_lines", high=100_000),
            Rule("stack2_mean_line_chars", "program_mean_line_chars", high=100),
            Rule("stack2_max_line_chars", "program_max_line_chars", high=1000),
            Rule("stack2_generated", "program_is_generated", high=0),
            Rule("stack2_alpha_chars", "program_frac_alpha_chars", low=0.25),
            Rule("stack2_encoded_run", "program_max_encoded_chars", high=1024),
            Rule("stack2_encoded", "program_frac_encoded_chars", high=0.5),
        ),
        notes=(
            "Marks of generated text are the paper's and a few more; the file names that go-enry knows are left out "
            "where files are read. Pairs of hexadecimal digits may be parted by a comma and a blank, which the published "
            "pattern, read literally, does not allow."
        ),
    ),
    RuleSet(
        "code-opencoder",
        "others",
        OPENCODER,
        (
            Rule("opencoder_replaced_chars", "program_frac_replaced_chars", high=0.01),
            Rule("opencoder_n_words", "n_words", low=30),
            Rule("opencoder_n_chars", "n_chars", low=50),
            Rule("opencoder_n_bytes", "n_bytes", high=3_000_000),
            Rule("opencoder_n_lines", "program_n_lines", low=10, high=100_000),
            Rule("opencoder_max_line_chars", "program_max_line_chars", high=1000),
            Rule("opencoder_mean_line_chars", "program_mean_line_chars", low=5, high=100),
            Rule("opencoder_alpha_chars", "program_frac_visible_alpha", low=0.5),
            Rule("opencoder_digits", "program_frac_visible_digits", high=0.2),
            Rule("opencoder_space_chars", "program_frac_space_chars", high=0.5),
            Rule("opencoder_comments", "program_frac_comment_bytes", high=0.8),
            Rule("opencoder_xml", "program_is_xml", high=0),
            Rule("opencoder_generated", "program_is_generated", high=0),
            Rule("opencoder_strings", "program_frac_string_bytes", high=0.6),
            Rule("opencoder_long_strings", "program_frac_long_string_bytes", high=0.4),
            Rule("opencoder_encoded_run", "program_max_encoded_chars", high=1024),
            Rule("opencoder_encoded", "program_frac_encoded_chars", high=0.5),
            Rule("opencoder_hex", "program_frac_hex_bytes", high=0.4),
            Rule("opencoder_todo_lines", "program_frac_todo_lines", high=0.01),
            Rule("opencoder_assert_lines", "program_frac_assert_lines", high=0.4),
        ),
        notes=(
            "The limits for languages without limits of their own. Its n-gram and duplicate-line limits and those of "
            "single languages are left out, and words, comments and strings are told apart by this package's scanner: "
            "numbers near a limit can differ."
        ),
    ),
)
