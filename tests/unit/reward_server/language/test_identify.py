"""The main language of a text: scripts without any dependency, languages of one script by the model."""

from __future__ import annotations

import time
import unicodedata
from concurrent.futures import ThreadPoolExecutor
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import pytest

from reward_server.language import identify as module
from reward_server.language.identify import available, identify, load
from reward_server.language.scripts import LANGUAGES, RUNS, SCRIPT_OF, code_of, other_script

OWN_SCRIPT = {
    "zh": "让我用一个小例子来验证一下。",
    "ja": "小さな例で確かめてみます。",
    "ko": "작은 예제로 확인해 보겠습니다.",
    "el": "Ας το ελέγξουμε με ένα μικρό παράδειγμα.",
    "he": "בוא נבדוק את זה עם דוגמה קטנה.",
    "th": "ลองตรวจสอบด้วยตัวอย่างเล็กๆ",
    "bn": "চলুন একটি ছোট উদাহরণ দিয়ে যাচাই করি।",
    "ta": "ஒரு சிறிய எடுத்துக்காட்டுடன் சரிபார்ப்போம்.",
    "te": "చిన్న ఉదాహరణతో తనిఖీ చేద్దాం.",
    "kn": "ಒಂದು ಸಣ್ಣ ಉದಾಹರಣೆಯೊಂದಿಗೆ ಪರಿಶೀಲಿಸೋಣ.",
    "ml": "ഒരു ചെറിയ ഉദാഹരണം ഉപയോഗിച്ച് പരിശോധിക്കാം.",
    "gu": "ચાલો એક નાના ઉદાહરણથી ચકાસીએ.",
    "pa": "ਆਓ ਇੱਕ ਛੋਟੀ ਉਦਾਹਰਣ ਨਾਲ ਜਾਂਚ ਕਰੀਏ।",
    "or": "ଆସନ୍ତୁ ଏକ ଛୋଟ ଉଦାହରଣ ସହିତ ଯାଞ୍ଚ କରିବା।",
    "si": "අපි මෙය කුඩා උදාහරණයකින් පරීක්ෂා කරමු.",
    "km": "តោះពិនិត្យជាមួយឧទាហរណ៍តូចមួយ។",
    "lo": "ໃຫ້ກວດເບິ່ງດ້ວຍຕົວຢ່າງນ້ອຍ",
    "my": "ဥပမာသေးသေးလေးနဲ့ စစ်ကြည့်ရအောင်။",
    "ka": "მოდით შევამოწმოთ ეს პატარა მაგალითით.",
    "hy": "Եկեք ստուգենք սա փոքր օրինակով։",
    "am": "ይህን በትንሽ ምሳሌ እናረጋግጥ።",
}
SHARED_SCRIPT = {
    "ru": "Проверим это на небольшом примере.",
    "uk": "Перевіримо це на невеликому прикладі.",
    "bg": "Нека проверим това с малък пример.",
    "sr": "Хајде да проверимо ово на малом примеру.",
    "ar": "سأتحقق من ذلك بمثال صغير.",
    "fa": "بیایید با یک مثال کوچک بررسی کنیم.",
    "ur": "آئیے ایک چھوٹی مثال سے جانچتے ہیں۔",
    "hi": "आइए एक छोटे उदाहरण से जाँच करें।",
    "mr": "चला एका लहान उदाहरणाने तपासूया आणि पाहूया.",
    "ne": "एउटा सानो उदाहरणबाट जाँच गरौं।",
    "en": "Let me verify with a small case to make sure.",
    "fr": "Vérifions avec un petit exemple pour être sûrs.",
    "de": "Ich überprüfe das mit einem kleinen Beispiel.",
    "es": "Voy a comprobarlo con un ejemplo pequeño.",
    "pt": "Vou verificar com um exemplo pequeno para ter certeza.",
    "it": "Verifichiamo con un piccolo esempio per essere sicuri.",
    "nl": "Laten we dit met een klein voorbeeld controleren.",
    "sv": "Låt oss kontrollera detta med ett litet exempel.",
    "fi": "Tarkistetaan tämä pienellä esimerkillä.",
    "pl": "Sprawdźmy to na małym przykładzie.",
    "tr": "Bunu küçük bir örnekle doğrulayalım.",
    "id": "Mari kita periksa dengan contoh kecil.",
    "sw": "Hebu tuangalie kwa mfano mdogo.",
    "vi": "Tôi sẽ kiểm tra bằng một ví dụ nhỏ.",
}
needs_model = pytest.mark.skipif(not available(), reason="needs the extra `lang`")


@pytest.fixture
def without_model(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "available", lambda: False)


@pytest.mark.parametrize(("code", "text"), OWN_SCRIPT.items())
def test_a_script_of_one_language_names_it_without_the_extra(code: str, text: str, without_model: None) -> None:
    assert identify(text) == code
    assert identify(text, ["fr", code]) == code


@needs_model
@pytest.mark.parametrize(("code", "text"), SHARED_SCRIPT.items())
def test_languages_of_one_script_are_told_apart(code: str, text: str) -> None:
    assert identify(text) == code


@needs_model
def test_all_sentences_of_the_shared_set_are_identified(shared: Path) -> None:
    spec = spec_from_file_location("sentences", shared / "prototypes" / "language" / "data.py")
    assert spec is not None
    assert spec.loader is not None
    sentences = module_from_spec(spec)
    spec.loader.exec_module(sentences)
    assert [plain for code, _, plain in sentences.build() if identify(plain) != code] == []


@pytest.mark.parametrize("text", ["", "   ", "123 + 45 = 168", "!?", "😀🎉", "no", "x = y"])
def test_nothing_is_said_of_a_text_without_words_or_with_one_short_one(text: str) -> None:
    assert identify(text) is None


@pytest.mark.parametrize("code", ["en", "fr", "vi"])
def test_latin_text_is_not_guessed_without_the_extra(code: str, without_model: None) -> None:
    assert identify(SHARED_SCRIPT[code]) is None


@pytest.mark.parametrize(("code", "said"), [("ru", "ru"), ("uk", None), ("sr", None), ("ar", "ar"), ("fa", None)])
def test_letters_that_the_owner_of_a_script_lacks_forbid_its_name_without_the_extra(
    code: str, said: str | None, without_model: None
) -> None:
    assert identify(SHARED_SCRIPT[code]) == said


def test_among_restricts_the_answer_and_a_foreign_script_is_none_of_them() -> None:
    assert identify(OWN_SCRIPT["zh"], ["en", "fr"]) is None
    assert identify(OWN_SCRIPT["zh"], ["en", "zh-Hans"]) == "zh"
    assert identify(OWN_SCRIPT["zh"], []) is None
    assert identify(OWN_SCRIPT["zh"], ["klingon"]) is None


@needs_model
def test_among_takes_rare_languages_too() -> None:
    assert identify("Ek sal dit met 'n klein voorbeeld nagaan.", ["af", "en"]) == "af"
    assert identify("Provjerimo ovo na malom primjeru.", ["hr", "pl"]) == "hr"


def test_the_main_language_is_the_one_with_most_words() -> None:
    assert identify("我们用 Python 计算结果，然后输出答案。") == "zh"
    assert identify("漢字が多い文章。東京都人口千四百万人。") == "ja"
    assert identify("我在看《の》这个字，它是日语里的一个假名，很常见。") == "zh"


@needs_model
def test_many_threads_with_different_candidates_agree_with_one() -> None:
    load()
    work = [
        (text, among) for text in SHARED_SCRIPT.values() for among in (None, ["en", "fr"], ["ru", "uk"], ["sw", "en"])
    ]
    alone = [identify(text, among) for text, among in work]
    with ThreadPoolExecutor(8) as threads:
        assert list(threads.map(lambda args: identify(*args), work * 5)) == alone * 5


@pytest.mark.parametrize(
    ("tag", "code"), [("zh-CN", "zh"), ("ZH_Hant", "zh"), ("iw", "he"), ("pt-BR", "pt"), ("nb", "no"), ("tlh", None)]
)
def test_tags_are_read_by_their_first_part(tag: str, code: str | None) -> None:
    assert code_of(tag) == code


@needs_model
def test_the_model_knows_every_language_of_a_shared_script() -> None:
    load()
    known = set(module._model().labels)
    many = {script for script in LANGUAGES if sum(owner == script for owner in SCRIPT_OF.values()) > 1}
    assert {code for code, script in SCRIPT_OF.items() if script in many} <= known


def test_letters_and_scripts_agree_with_the_names_of_unicode() -> None:
    """Of each script in the table: every letter whose Unicode name begins with it is a run of that script."""
    spelt = {
        "han": "CJK UNIFIED",
        "kana": ("HIRAGANA LETTER", "KATAKANA LETTER"),
        "greek": ("GREEK SMALL", "GREEK CAPITAL"),
    }
    wrong = []
    for point in range(0x10000):
        char = chr(point)
        name = unicodedata.name(char, "")
        if not name or not char.isalpha() or unicodedata.normalize("NFKC", char) != char:
            continue
        for script in LANGUAGES:
            if name.startswith(spelt.get(script, f"{script.upper()} ")):
                match = RUNS.match(char)
                found = match and (other_script(char) if match.lastgroup == "other" else match.lastgroup)
                if found != script:
                    wrong.append((hex(point), name, found))
    assert wrong == []


@pytest.mark.parametrize(
    "unit", ["a", "a ", "é", "你a", "a\u0301\u0327", "\u0301\u0327", "\u05b0\u0591", "я\u0483\u0301", "-", "'a"]
)
def test_a_megabyte_of_anything_is_identified_in_a_moment(unit: str) -> None:
    load()
    started = time.process_time()
    identify(unit * (1_000_000 // len(unit)))
    assert time.process_time() - started < 2
