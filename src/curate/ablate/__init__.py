"""Did curation help? Small models on equal amounts of each text, judged on text named beforehand.

from curate.ablate import AblateSettings, ablate
found = ablate({"raw": raw_texts, "curated": curated_texts}, {"textbooks": textbook_texts})
print(found.table())
"""

from __future__ import annotations

from curate.ablate.plot import draw_svg, write_ablation
from curate.ablate.result import Ablation, Gap
from curate.ablate.run import AblateSettings, ablate
from curate.ablate.texts import read_texts

__all__ = ["AblateSettings", "Ablation", "Gap", "ablate", "draw_svg", "read_texts", "write_ablation"]
