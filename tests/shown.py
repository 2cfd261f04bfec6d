"""What the documents show: blocks of code, the commands in them, words in a code's type."""

import itertools
import re
import shlex
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[1]
DOCUMENTS = [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("deploy/**/*.md")]
FENCED = re.compile(r"^```(\S*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
INLINE = re.compile(r"(?<!`)`([^`\n]+(?:\n[^`\n]+)*)`(?!`)")
REMARK = re.compile(r"(^|\s+)#.*")
# What ends a command: another one, or a file for what it says.
ENDS = (">", "|", "&&")
# `NAME=value` before a command.
VARIABLE = re.compile(r"\w+=\S*")
OWN = ("tfpix2pix", "tfpix2pix-train")
# A command in the text: one of these programs, and something behind it.
PROGRAMS = "make|bash|source|python|pip|pytest|curl|saved_model_cli|tensorboard|exiftran|opt_in_out"
TYPED = re.compile(rf"(\w+=\S* )?({PROGRAMS}|tfpix2pix-train|tfpix2pix \S+) \S")


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
    return [" ".join(word.split()) for word in INLINE.findall(FENCED.sub("", document.read_text()))]


def lines_of(block):
    """The lines that a block has typed into a shell, each whole, without what stands behind #."""
    lines = block.text.replace("\\\n", " ").splitlines() if block.language == "" else []
    return [line for line in (" ".join(REMARK.sub("", line).split()) for line in lines) if line]


def lines_in_text(document):
    """Command lines in a code's type in the text and in tables; those of the past are not run."""
    words = [] if document.name == "CHANGELOG.md" else code_words(document)
    return [word for word in words if TYPED.match(word)]


def commands(document):
    """The commands of a document's blocks, as words."""
    return [words_of(line) for block in blocks(document) for line in lines_of(block)]


def words_of(line):
    """A command line in words, without variables before it, and without what comes behind it."""
    words = shlex.split(line, comments=True)
    words = list(itertools.takewhile(lambda word: word not in ENDS, words))
    while words and VARIABLE.fullmatch(words[0]):
        words = words[1:]
    return words


def own_commands(document):
    """Those of `tfpix2pix` and `tfpix2pix-train`."""
    return [words for words in commands(document) if words[0] in OWN]
