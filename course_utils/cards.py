"""The look of what the course says in words: results of checks, quiz questions, claims, the progress page.

A card is a coloured bar, a headline and a body. It is plain HTML with inline style, so that it reads the same in
JupyterLab, Colab, VS Code and print, and still reads well on hosts that strip all style. Text takes the colour of
the page, so light and dark themes both work; no meaning hangs on colour alone, every state has a symbol and a word.
"""

import re
from dataclasses import dataclass
from html import escape

__all__ = ["HIDE_DEAD_WIDGET", "STATES", "Card", "Live", "State", "card", "code", "escape", "paragraph"]


@dataclass(frozen=True)
class State:
    """How a state looks: ``symbol``, ``word`` for those who do not see the symbol, ``colour`` of the bar."""

    symbol: str
    word: str
    colour: str


#: Okabe & Ito's colours: told apart by colour-blind readers, and legible on light and dark pages.
STATES = {
    "right": State("✓", "passed", "#009E73"),
    "partly": State("◐", "partly", "#E69F00"),
    "wrong": State("✗", "not yet", "#D55E00"),
    "open": State("○", "open", "#808080"),
    "note": State("›", "note", "#3B8FC4"),
}

_FRAME = (
    "border-left:0.35em solid {colour};padding:0.5em 1em 0.6em 1em;margin:0.4em 0;max-width:62em;"
    "font-size:110%;line-height:1.5;font-family:var(--jp-content-font-family, system-ui, sans-serif);"
    "color:var(--jp-content-font-color1, inherit);background:rgba(128,128,128,0.07)"
)


@dataclass(frozen=True)
class Card:
    """Something to show: ``html`` for people, ``text`` where there is no HTML."""

    html: str
    text: str

    def _repr_mimebundle_(self, include=None, exclude=None):
        return {"text/html": self.html, "text/plain": self.text}

    def __repr__(self):
        return self.text


class Live:
    """A widget, and the still card that stands in for it where no kernel answers.

    The two are outputs of their own, because JupyterLab shows an error in place of a widget whose kernel has gone,
    whatever else the widget's own output holds. The living widget hides the card: it gets the card's id as its trait
    ``still``.
    """

    def __init__(self, widget, still):
        self.widget, self.still = widget, still

    def __repr__(self):
        return self.still.text

    def _ipython_display_(self):
        from IPython.display import display

        self.widget.still = f"still-{self.widget.model_id}"
        views, _ = self.widget._repr_mimebundle_()
        note = "Run this cell to answer here."
        display(views | {"text/html": f"<p>{note}</p>", "text/plain": note}, raw=True)
        html = f'<div class="course-strip" id="{self.widget.still}">{self.still.html}</div>{HIDE_DEAD_WIDGET}'
        display({"text/html": html, "text/plain": self.still.text}, raw=True)


#: Hides JupyterLab's "Error displaying widget: model not found" where a ``course-strip`` follows that says more.
HIDE_DEAD_WIDGET = (
    "<style>.jp-OutputArea-child:has(> .jp-OutputArea-output.jupyter-widgets)"
    ":has(+ .jp-OutputArea-child .course-strip) {display: none}</style>"
)


def card(headline, body="", *, state, label):
    """HTML of one card.

    ``headline`` is text (escaped here), ``body`` is HTML, ``state`` a key of `STATES`, and ``label`` the accessible
    name of the card's region.
    """
    look = STATES[state]
    return (
        f'<section aria-label="{escape(label, quote=True)}" style="{_FRAME.format(colour=look.colour)}">'
        f'<div style="font-size:110%"><span aria-hidden="true" style="color:{look.colour}">{look.symbol}</span> '
        f"<strong>{escape(headline)}</strong></div>{body}</section>"
    )


def paragraph(text):
    """HTML of a paragraph of `code` text."""
    return f'<p style="margin:0.4em 0">{code(text)}</p>'


def code(text):
    """HTML of plain text in which `backticks` mark code and *asterisks* around words stress them."""
    parts = escape(text).split("`")
    if len(parts) % 2 == 0:  # a backtick without a partner: leave it as it is
        return escape(text)
    return "".join(
        f"<code>{part}</code>" if i % 2 else _STRESS.sub(r"<em>\1</em>", part) for i, part in enumerate(parts)
    )


_STRESS = re.compile(r"(?<![\w*])\*(?=\S)([^*]+)(?<=\S)\*(?![\w*])")
