"""Other ways to write the code of a language: ISO 639-2 and 639-3 codes, BCP 47 tags, old codes, countries, names.

The codes are those of ISO 639 (iso639-3.sil.org, loc.gov/standards/iso639-2); only what lid.176 knows is listed. A code of
a country stands here where it is no language's, and names are in English and, of some languages, their own.
"""

from __future__ import annotations

import re
from collections.abc import Collection

# Code of the model, then ISO 639-2/3 codes and other codes that mean it, then names with _ for a space.
_LANGUAGES = """
af afr Afrikaans | sq sqi alb als Albanian | am amh Amharic | ar ara arb ary apc Arabic العربية | an arg Aragonese |
hy hye arm Armenian | as asm Assamese | ast Asturian | av ava Avaric | az aze azj Azerbaijani | ba bak Bashkir | eu eus baq Basque
be bel Belarusian | bn ben Bengali Bangla | bs bos Bosnian | br bre Breton | bg bul Bulgarian | my mya bur Burmese
ca cat Catalan Valencian | ce che Chechen | zh zho chi cmn cn Chinese Mandarin 中文 汉语 漢語 | cv chv Chuvash | kw cor Cornish
co cos Corsican | hr hrv scr Croatian | cs ces cze cz Czech Čeština | da dan dk Danish Dansk | dv div Dhivehi Maldivian
nl nld dut Dutch Nederlands Flemish | en eng English | eo epo Esperanto | et est ekk Estonian | fi fin Finnish Suomi
fr fra fre French Français | fy fry Frisian | gl glg Galician | ka kat geo Georgian | de deu ger German Deutsch
el ell gre gr Greek Ελληνικά | gn grn Guarani | gu guj Gujarati | ht hat Haitian Haitian_Creole | he heb iw Hebrew
hi hin Hindi हिन्दी | hu hun Hungarian | is isl ice Icelandic | io ido Ido | id ind in Indonesian | ia ina Interlingua
ga gle Irish | it ita Italian Italiano | ja jpn jp Japanese 日本語 | jv jav jw Javanese | kn kan Kannada | kk kaz Kazakh
km khm Khmer Cambodian | ky kir Kyrgyz Kirghiz | kv kom Komi | ko kor kr Korean 한국어
ku kur kmr Kurdish | ckb Sorani Central_Kurdish
lo lao Lao | la lat Latin | lv lav lvs Latvian | lt lit Lithuanian | lb ltz Luxembourgish | mk mkd mac Macedonian
mg mlg plt Malagasy | ms msa may zsm Malay | ml mal Malayalam | mt mlt Maltese | mr mar Marathi
mn mon khk Mongolian | ne nep npi Nepali | no nor nob nb Norwegian Norsk Bokmål Bokmal Norwegian_Bokmal
nn nno Nynorsk Norwegian_Nynorsk | oc oci Occitan | or ori ory Odia Oriya | os oss Ossetian | pa pan Punjabi Panjabi
pnb Western_Punjabi | fa fas per pes prs Persian Farsi Dari
pl pol Polish Polski | pt por Portuguese Português | ps pus pbt Pashto | qu que Quechua
rm roh Romansh | ro ron rum mo mol Romanian Moldovan | ru rus Russian Русский | sa san Sanskrit | sc srd Sardinian
gd gla Gaelic Scottish_Gaelic | sco Scots | sr srp scc Serbian | sh hbs Serbo-Croatian | sd snd Sindhi
si sin Sinhala Sinhalese | sk slk slo Slovak | sl slv Slovenian Slovene | so som Somali | es spa Spanish Español Castilian
su sun Sundanese | sw swa swh Swahili | sv swe Swedish Svenska | tl tgl fil Tagalog Filipino | tg tgk Tajik | ta tam Tamil
tt tat Tatar | te tel Telugu | th tha Thai | bo bod tib Tibetan | tr tur Turkish Türkçe | tk tuk Turkmen
ug uig Uyghur Uighur | uk ukr ua Ukrainian Українська | ur urd Urdu | uz uzb uzn Uzbek | vi vie vn Vietnamese | vo vol Volapuk
wa wln Walloon | cy cym wel Welsh | xal Kalmyk | yi yid ydd ji Yiddish | yo yor Yoruba | yue Cantonese | wuu Wu
ceb Cebuano | sah Sakha Yakut | war Waray
"""


def _read_names() -> dict[str, str]:
    names: dict[str, str] = {}
    for entry in re.split(r"[|\n]", _LANGUAGES):
        code, *others = entry.split() or [""]
        names |= {other.lower().replace("_", " "): code for other in others}
    return names


_CODE_OF = _read_names()


def suggest_code(text: str, known: Collection[str]) -> str | None:
    """The code in `known` that another way to write a language means; None where none is sure.

    >>> [suggest_code(text, {"fr", "zh", "no"}) for text in ("fr-FR", "cmn", "nb", "French", "Chinese_TW", "xx")]
    ['fr', 'zh', 'no', 'fr', 'zh', None]
    """
    lowered = text.strip().lower().replace("_", "-")
    for name in (lowered, lowered.replace("-", " "), lowered.partition("-")[0]):
        for code in (name, _CODE_OF.get(name)):
            if code in known:
                return code
    return None
