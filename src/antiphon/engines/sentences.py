"""Where an answer can be cut for speaking while it is still being written, and what of it is spoken.

The first piece ends as soon as it can be spoken: at a comma, a colon or a dash after a few words. Later ones
end where sentences or lines end. Pieces put together are the text, character by character, and do not depend
on how the text arrived: every decision looks one character ahead and no further.
"""

import re

FIRST_CLAUSE_WORDS = 3
"""Words before a comma may end the first piece. Fewer sound chopped, and are over before the next is ready."""
MAX_PIECE_CHARACTERS = 240
"""A piece without any mark is cut at a blank before this: about 15 s of speech, a bound on memory and on waiting."""

_CLOSING = "\"'”’»)]}*_`」』）】》"
_CLOSERS = f"[{re.escape(_CLOSING)}]*"
_SENTENCE_END = re.compile(rf"[.!?؟۔।။።]{_CLOSERS}$")
_WIDE_END = re.compile(rf"[。！？｡]{_CLOSERS}$")
_DOTS_END = re.compile(rf"(?:\.\.|…){_CLOSERS}$")
_CLAUSE_END = re.compile(rf"(?:[,;:،؛…—–]|\.\.|\s-){_CLOSERS}$")
_WIDE_CLAUSE_END = re.compile(rf"[，、；：—]{_CLOSERS}$")
_MARK_INSIDE = re.compile(r"[,;:،؛，、；：—–]\s*")

_LIST_NUMBER = re.compile(r"[\W_]*(?:\d{1,3}|[a-zA-Z])[.)]")
_INITIALS = re.compile(r"(?:^|[\s(\[\"'“‘])(?:(?:[^\W\d_]\.)+[^\W\d_]|(?!I\.)[^\W\d_])\.$")
_LAST_WORD = re.compile(r"([^\W\d_]+)\.$")
_ABBREVIATIONS = (
    " mr mrs ms mx dr prof st sr jr vs etc fig vol approx dept inc ltd corp gen col sgt capt lt rev gov sen rep"
    " jan feb aug sept oct nov mt al cf ca nr bzw usw "
)
_UNSPACED = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\u0e00-\u0e7f\uac00-\ud7af]")
_WIDE_TAIL = frozenset("。！？｡，、；：—" + _CLOSING)


class Splitter:
    """Text in, pieces out that can be spoken. One per answer. Without `is_eager` the first piece is whole too."""

    def __init__(self, *, is_eager: bool = True) -> None:
        self._held = ""
        self._at = 0
        """Characters of `_held` that have been looked at."""
        self._is_first = is_eager

    def feed(self, text: str) -> list[str]:
        """Take more text; give what can be spoken now."""
        pieces = []
        self._held += text
        while self._at < len(self._held):
            cut = self._cut()
            if cut == 0:
                self._at += 1
                continue
            pieces.append(self._take(cut))
        return pieces

    def flush(self) -> list[str]:
        """The rest, at the end of the answer or where it breaks off for a while."""
        return [self._take(len(self._held))] if self._held else []

    def _take(self, cut: int) -> str:
        piece, self._held = self._held[:cut], self._held[cut:]
        self._at = max(0, self._at - cut)
        self._is_first = False
        return piece

    def _cut(self) -> int:
        """Where the held text ends a piece, now that the character at `_at` is known; 0: not yet."""
        at, following = self._at, self._held[self._at]
        before = self._held[:at]
        if following.isspace():
            if before and not before.isspace() and (following == "\n" or self._ends(before)):
                return at + 1
        elif self._ends_wide(before, following):
            return at
        return _forced_cut(before) if at >= MAX_PIECE_CHARACTERS else 0

    def _ends(self, before: str) -> bool:
        """Whether a piece may end with `before`, a blank following."""
        if _WIDE_END.search(before) or (_SENTENCE_END.search(before) and not _goes_on(before)):
            return True
        return self._may_be_clause(before) and bool(_CLAUSE_END.search(before) or _WIDE_CLAUSE_END.search(before))

    def _ends_wide(self, before: str, following: str) -> bool:
        """The same where no blank follows: in scripts without blanks, and after a long dash."""
        if before[-1:] not in _WIDE_TAIL or following in _WIDE_TAIL:
            return False
        return bool(_WIDE_END.search(before)) or (self._may_be_clause(before) and bool(_WIDE_CLAUSE_END.search(before)))

    def _may_be_clause(self, before: str) -> bool:
        return self._is_first and _words_in(before) >= FIRST_CLAUSE_WORDS


def _words_in(text: str) -> int:
    """Words, where two characters of a script without blanks count as one."""
    return len(text.split()) + len(_UNSPACED.findall(text)) // 2


def _goes_on(before: str) -> bool:
    """Whether the full stop at the end is none: an abbreviation, initials, a list's number, dots."""
    if _DOTS_END.search(before) or _LIST_NUMBER.fullmatch(before) or _INITIALS.search(before):
        return True
    word = _LAST_WORD.search(before)
    return word is not None and f" {word[1].lower()} " in _ABBREVIATIONS


def _forced_cut(before: str) -> int:
    """Where to cut what has grown too long: after a mark, else after a blank, else here."""
    marks = [found.end() for found in _MARK_INSIDE.finditer(before, len(before) // 3)]
    if marks:
        return marks[-1]
    blank = max(before.rfind(" "), before.rfind("\t"))
    return blank + 1 if blank > 0 else len(before)


class Brevity:
    """Lets a few sentences through, and no more. For models that do not find their end."""

    def __init__(self, sentences: int) -> None:
        self.is_done = False
        self._left = sentences
        self._splitter = Splitter(is_eager=False)
        self._surplus = 0
        """Characters taken beyond the last whole sentence."""

    def take(self, text: str) -> str:
        """What of the text may pass."""
        self._surplus += len(text)
        for piece in self._splitter.feed(text):
            self._surplus -= len(piece)
            self._left -= bool(spoken(piece))
            if self._left == 0:
                self.is_done = True
                return text[: max(0, len(text) - self._surplus)].rstrip()
        return text


# What is spoken

_FENCE = re.compile(r"^\s*(?:```|~~~)[^\n]*$", re.MULTILINE)
_RULE = re.compile(r"^\s*(?:[-*_]\s*){3,}$", re.MULTILINE)
_TABLE_RULE = re.compile(r"^[\s|:-]*\|[\s|:-]*$", re.MULTILINE)
_LINE_MARK = re.compile(r"^\s*(?:#{1,6}\s+|>\s?|[-*+•◦▪]\s+)+", re.MULTILINE)
_LINK = re.compile(r"!?\[([^\]\n]*)\]\([^)\n]*\)")
_TAG = re.compile(r"</?[a-zA-Z][^<>\n]*>")
_SCHEME = re.compile(r"\b(?:https?|ftp)://(?:www\.)?")
_EMPHASIS = re.compile(r"(?<=\S)[*~`]+|[*~`]+(?=\S)|(?<!\w)_+(?=\w)|(?<=[\w.,!?;:])_+(?!\w)")
_PICTURE = re.compile("[\U0001f000-\U0001faff\u2190-\u21ff\u2600-\u27bf\u2b00-\u2bff\ufe0e\ufe0f\u200d\u20e3]")


def spoken(text: str) -> str:
    """What a voice says of a piece: no markdown, no pictures, blanks made one; empty where there are no words.

    >>> spoken("- **Paris**, see [the map](http://m.example) 🗺️")
    'Paris, see the map'
    """
    for pattern in (_FENCE, _RULE, _TABLE_RULE, _LINE_MARK, _TAG, _PICTURE):
        text = pattern.sub(" ", text)
    text = _SCHEME.sub("", _LINK.sub(r"\1", text))
    text = _EMPHASIS.sub("", text).replace("|", " ")
    text = " ".join(text.split())
    return text if any(character.isalnum() for character in text) else ""
