"""What the documents show: blocks of code, the commands in them, words in a code's type."""

import itertools
import re
import shlex
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[1]
DOCUMENTS = [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("deploy/**/*.md")]
FENCED = re.compile(r"^```(\S*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
INLINE = re.compile(r"(?<!`)`([^`\n]+)`(?!`)")
# What ends a command: another one, or a file for what it says.
ENDS = (">", "|", "&&")
# `NAME=value` before a command.
VARIABLE = re.compile(r"\w+=\S*")


class Block(NamedTuple):
    """A block of code: its language, empty for what is typed into a shell, and its text."""

    language: str
    text: str


def name_of(document):
    """What a document is called in the tests' names."""
    return str(document.relative_to(ROOT))


def blocks(document):
    """The blocks of code of a document."""
    return [Block(*found) for found in FENCED.findall(document.read_text())]


def code_words(document):
    """What stands in a code's type in the text and in tables, not in blocks."""
    return INLINE.findall(FENCED.sub("", document.read_text()))


def commands(document):
    """The command lines of a document's blocks, as words, without what is said behind a #."""
    lines = []
    for block in blocks(document):
        if block.language == "":
            lines += block.text.replace("\\\n", " ").splitlines()
    return [words for line in lines if (words := words_of(line))]


def words_of(line):
    """A command line in words, without variables before it, and without what comes behind it."""
    words = shlex.split(line, comments=True)
    words = list(itertools.takewhile(lambda word: word not in ENDS, words))
    while words and VARIABLE.fullmatch(words[0]):
        words = words[1:]
    return words


def own_commands(document):
    """Those of `tfpix2pix` and `tfpix2pix-train`."""
    return [words for words in commands(document) if words[0] in ("tfpix2pix", "tfpix2pix-train")]
