"""A report in Markdown as a Word document: headings, paragraphs, tables and pictures, which is all that reports use."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from markdown_it import MarkdownIt
from markdown_it.token import Token

#: A font that every Chinese Word has; others put their own in its place.
_CHINESE_FONT = "宋体"
_PICTURE_WIDTH_CM = 15


def write_docx(text: str, path: Path, pictures: Path | None = None) -> None:
    """Writes the document. pictures: the folder of the files that the text shows."""
    from docx import Document
    from docx.oxml.ns import qn

    document = Document()
    fonts = document.styles["Normal"].element.get_or_add_rPr().get_or_add_rFonts()
    fonts.set(qn("w:eastAsia"), _CHINESE_FONT)
    tokens = MarkdownIt("commonmark").enable("table").parse(text)
    for place, token in enumerate(tokens):
        if token.type == "heading_open":
            _runs(document.add_heading(level=int(token.tag[1])), tokens[place + 1])
        elif token.type == "paragraph_open":
            _paragraph(document, tokens[place + 1], pictures)
        elif token.type == "table_open":
            _table(document, tokens[place:])
    document.save(str(path))


def _paragraph(document: Any, inline: Token, pictures: Path | None) -> None:
    from docx.shared import Cm

    shown = [child for child in inline.children or () if child.type == "image"]
    for picture in shown:
        # an address in percents, as Markdown has it
        file = (pictures or Path()) / unquote(str(picture.attrs["src"]))
        document.add_picture(str(file), width=Cm(_PICTURE_WIDTH_CM))
        document.add_paragraph(picture.content)
    if not shown:
        _runs(document.add_paragraph(), inline)


def _runs(paragraph: Any, inline: Token) -> None:
    bold = False
    for child in inline.children or ():
        if child.type in ("strong_open", "strong_close"):
            bold = child.type == "strong_open"
        else:
            run = paragraph.add_run("\n" if child.type == "softbreak" else child.content)
            run.bold = bold or None


def _table(document: Any, tokens: Sequence[Token]) -> None:
    rows: list[list[Token]] = []
    for place, token in enumerate(tokens):
        if token.type == "table_close":
            break
        if token.type == "tr_open":
            rows.append([])
        elif token.type in ("th_open", "td_open"):
            rows[-1].append(tokens[place + 1])
    table = document.add_table(rows=0, cols=len(rows[0]), style="Table Grid")
    for row in rows:
        for cell, inline in zip(table.add_row().cells, row, strict=True):
            _runs(cell.paragraphs[0], inline)
