"""The letter as a PDF, made here, with one embedded font for Latin, Greek and Cyrillic names."""

from functools import cache
from importlib.resources import files
from io import BytesIO
from threading import Lock
from typing import Any, Final
from xml.sax.saxutils import escape

from reportlab.lib.colors import HexColor
from reportlab.lib.pagesizes import A4
from reportlab.lib.styles import ParagraphStyle
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFont
from reportlab.platypus import Flowable, Paragraph, SimpleDocTemplate, Table, TableStyle

from referral_service.api.worklist.letter import Letter

_FONT: Final = "NotoSans"
_SMALL, _PLAIN, _LARGE = 8.5, 10.0, 15.0
_MARGIN: Final = 54.0  # points, three quarters of an inch
_PADDING: Final = 6.0  # a frame's own
_GREY: Final = "#595959"
_UNSHOWN: Final = (
    "This file cannot show some characters of the text. Print the letter from its page in a browser instead."
)
# reportlab keeps its registered fonts, and which of their characters a file uses, in the process.
_ONE_AT_A_TIME: Final = Lock()


def pdf(letter: Letter) -> bytes:
    """The same content as the page, A4; the same letter gives the same bytes."""
    with _ONE_AT_A_TIME:
        return _made(letter)


@cache
def _font() -> TTFont:
    """Registered once."""
    folder = files("fontpkg_noto_sans") / "files"
    found = next(one for one in folder.iterdir() if one.name.endswith(".ttf") and "Italic" not in one.name)
    font = TTFont(_FONT, str(found))
    pdfmetrics.registerFont(font)
    return font


def can_show(text: str) -> bool:
    """Whether the font has every character of a text. Scripts that need shaping count as not shown."""
    glyphs = _font().face.charToGlyph
    return all(ord(one) in glyphs and not 0x0590 <= ord(one) <= 0x1CFF for one in text if not one.isspace())


def _made(letter: Letter) -> bytes:
    _font()
    made = BytesIO()
    document = SimpleDocTemplate(
        made,
        pagesize=A4,
        leftMargin=_MARGIN,
        rightMargin=_MARGIN,
        topMargin=_MARGIN,
        bottomMargin=_MARGIN,
        title=f"Referral: {letter.asks_for}",
        author="referral-service",
        invariant=1,
        lang="en",
    )

    def foot(canvas: Any, page: Any) -> None:
        canvas.setFont(_FONT, _SMALL)
        canvas.drawString(_MARGIN + _PADDING, _MARGIN / 2, f"Referral {letter.identifier}, page {page.page}")

    document.build(_story(letter), onFirstPage=foot, onLaterPages=foot)
    return made.getvalue()


def _story(letter: Letter) -> list[Flowable]:
    person = letter.person
    texts = [person.name, person.identifier, *letter.conditions, *letter.paragraphs, *letter.coverage]
    facts = [
        ("Patient", person.name),
        ("Born", person.born or "unknown"),
        ("Identifier", person.identifier or f"Patient/{person.id}"),
        ("Priority", letter.priority),
        ("Region", letter.region or "not told"),
        ("Diagnoses", "; ".join(letter.conditions) or "none named"),
        ("Coverage", "; ".join(letter.coverage) or "none recorded"),
        ("Approved", f"by {letter.approved_by} on {letter.approved_at}"),
        ("Referral", letter.identifier),
    ]
    return [
        _text(letter.asks_for, _LARGE),
        *([_text(_UNSHOWN, _SMALL, _GREY)] if not all(map(can_show, texts)) else []),
        _table([[_text(name, _SMALL, _GREY), _text(said)] for name, said in facts], (0.2, 0.8)),
        *(_text(one) for one in letter.paragraphs),
        _table(_criteria(letter), (0.4, 0.14, 0.14, 0.12, 0.2), heads=1),
        _text(f"{letter.pathway}. Printed {letter.printed_at}.", _SMALL, _GREY),
    ]


def _criteria(letter: Letter) -> list[list[Paragraph]]:
    heads = ("What the pathway asks", "Answer", "Value", "Threshold", "Dates of the evidence")
    rows = [(one.asks, one.answer, one.value, one.threshold, one.days) for one in letter.lines]
    return [
        [_text(one, _SMALL, _GREY) for one in heads],
        *([_text(it, _SMALL) for it in row] for row in rows),
    ]


def _text(text: str, size: float = _PLAIN, colour: str = "#000000") -> Paragraph:
    style = ParagraphStyle(
        f"size-{size}",
        fontName=_FONT,
        fontSize=size,
        leading=size * 1.35,
        spaceAfter=size * 0.6,
        textColor=HexColor(colour),
        splitLongWords=True,
    )
    return Paragraph(escape(text).replace("\n", "<br/>"), style)


def _table(rows: list[list[Paragraph]], shares: tuple[float, ...], heads: int = 0) -> Table:
    width = A4[0] - 2 * (_MARGIN + _PADDING)
    lines: list[Any] = [
        ("VALIGN", (0, 0), (-1, -1), "TOP"),
        ("LEFTPADDING", (0, 0), (-1, -1), 0),
        ("TOPPADDING", (0, 0), (-1, -1), 2),
        ("BOTTOMPADDING", (0, 0), (-1, -1), 0),
        ("LINEBELOW", (0, 0), (-1, -1), 0.4, HexColor("#bfbfbf")),
    ]
    columns = [share * width for share in shares]
    return Table(
        rows, columns, repeatRows=heads, style=TableStyle(lines), spaceBefore=6, spaceAfter=10, splitInRow=1
    )
