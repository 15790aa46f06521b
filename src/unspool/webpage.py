"""The frame of every page that unspool writes: one HTML file that needs nothing else, for light and dark grounds."""

from __future__ import annotations

from html import escape

STYLE = """
:root { color-scheme: light dark; --ground: #ffffff; --ink: #1a1a1a; --soft: #5c5c5c; --line: #d0d0d0; }
@media (prefers-color-scheme: dark) {
  :root { --ground: #16181c; --ink: #e6e6e6; --soft: #a8a8a8; --line: #3c4048; }
}
body { margin: 2rem auto; max-width: 62rem; padding: 0 1rem; background: var(--ground); color: var(--ink);
  font: 1rem/1.5 system-ui, sans-serif; }
h1 { font-size: 1.25rem; } h2 { font-size: 1rem; margin: 2rem 0 .5rem; }
p, figcaption { color: var(--soft); } figure { margin: 1rem 0; }
table { border-collapse: collapse; } td, th { padding: .15rem .75rem .15rem 0; text-align: left; font-weight: normal; }
.text { font: 1.05rem/1.7 ui-monospace, monospace; white-space: pre-wrap; overflow-wrap: anywhere;
  border: 1px solid var(--line); border-radius: .4rem; padding: 1rem; }
"""

NAMES = {"\n": "\u21b5", "\t": "\u2192", "\r": "\u240d", "\x7f": "\u2421"}
HIDDEN = "\u200b\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\ufeff"  # would hide or turn text


def webpage(title: str, body: str, style: str = "") -> str:
    """Return the page, HTML in UTF-8; `body` is HTML already, `title` is not."""
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(title)}</title>\n<style>{STYLE}{style}</style>\n</head>\n<body>\n"
        f"<h1>{escape(title)}</h1>\n{body}\n</body>\n</html>\n"
    )


def visible(text: str) -> str:
    """Text for HTML in which control characters can be seen; a line end shows its sign and ends the line."""
    return "".join(_character(character) for character in text)


def _character(character: str) -> str:
    if character in NAMES:
        return NAMES[character] + ("\n" if character == "\n" else "")
    if character < " ":
        return chr(0x2400 + ord(character))
    if "\ud800" <= character <= "\udfff" or "\x80" <= character < "\xa0":
        return f"\\x{ord(character):02x}"
    return f"\\u{ord(character):04x}" if character in HIDDEN else escape(character)
