"""Translates files by an exported SavedModel, on any of Apache Beam's runners and file systems.

    python pipeline.py --model exports/facades/1 --input 'photos/**' --output answers

Answers keep the names of their files, as with `tfpix2pix predict`: `photos/a/b.jpg` becomes
`answers/a/b.png`, or `answers/a/b.jpg.png` where there is an `a/b.png` too. What cannot be read or
is no image goes to `answers/failed-*.jsonl` with the reason, so that every file is accounted for.
"""

import argparse
import json
import posixpath
import re
import sys
import uuid
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import apache_beam as beam
from apache_beam.io import fileio
from apache_beam.io.filesystem import BeamIOError, CompressionTypes
from apache_beam.io.filesystems import FileSystems
from apache_beam.metrics import Metrics, MetricsFilter
from apache_beam.ml.inference.base import KeyedModelHandler, ModelHandler, RunInference
from apache_beam.options.pipeline_options import PipelineOptions

COUNTERS = "tfpix2pix"
FAILED = "failed"
NODES = re.compile(r"\[\[[^\]]*\]\]|\{\{\w*node [^}]*\}\}|\[Op:\w+\]")
PLAIN = CompressionTypes.UNCOMPRESSED


# Elements are plain tuples: workers cannot unpickle instances of what is defined in `__main__`.
Job = tuple[str, str]  # a file, and where its answer goes
Answer = tuple[bytes | None, str | None]  # the PNG, or why there is none
Failure = tuple[str, str]  # a file without an answer, and why


class SavedModelHandler(ModelHandler[bytes, Answer, Any]):
    """Encoded images -> answers, by the signature `serving_default` of an export."""

    def __init__(self, model: str, batch_size: int):
        """Args: the folder of one version, and how many images go together at most."""
        super().__init__(min_batch_size=1, max_batch_size=batch_size)
        self._model = model

    def load_model(self) -> Any:
        """Called once in each worker process."""
        import tensorflow as tf

        return tf.saved_model.load(self._model)

    def run_inference(
        self, batch: Sequence[bytes], model: Any, inference_args: dict[str, Any] | None = None
    ) -> Iterable[Answer]:
        """One answer for each image; one that is none fails alone."""
        import tensorflow as tf

        try:
            answers = model.signatures["serving_default"](image_bytes=tf.constant(list(batch)))
        except tf.errors.InvalidArgumentError as error:
            if len(batch) > 1:  # one of them is to blame
                return [a for content in batch for a in self.run_inference([content], model)]
            return [(None, _plain(error.message))]
        return [(content, None) for content in answers["generated_image_bytes"].numpy()]


def _plain(message: str) -> str:
    """TensorFlow's reason in one line, without stack traces and names of nodes."""
    reason = message.rpartition("<stack traces unavailable>")[2]
    return " ".join(NODES.sub(" ", reason).split())


def find_jobs(matches: beam.PCollection, root: str, output: str) -> tuple[Any, Any]:
    """The files that match -> (jobs, failures), names as `tfpix2pix predict` gives them."""
    named = (
        matches
        | "no answers of before" >> beam.Filter(lambda m: not m.path.startswith(f"{output}/"))
        | "by stem" >> beam.Map(lambda m: (posixpath.splitext(m.path)[0], m.path))
        | "same stem" >> beam.GroupByKey()
        | "name" >> beam.FlatMap(_named, root, output)
        | "same target" >> beam.GroupByKey()
        | "one each" >> beam.FlatMap(_one_each).with_outputs(FAILED, main="jobs")
    )
    return named.jobs, named[FAILED]


def _named(
    same_stem: tuple[str, Iterable[str]], root: str, output: str
) -> Iterator[tuple[str, str]]:
    """(stem, files) -> (target, file) of each."""
    stem, sources = same_stem
    sources = list(sources)
    for source in sources:
        name = (source if len(sources) > 1 else stem).removeprefix(root)
        yield f"{output}/{name}.png", source


def _one_each(same_target: tuple[str, Iterable[str]]) -> Iterator[Any]:
    """No answer is overwritten by another."""
    target, sources = same_target
    first, *others = sorted(sources)
    yield first, target
    for source in others:
        reason = f"{target} is the answer to {first} already"
        yield beam.pvalue.TaggedOutput(FAILED, (source, reason))


def _read(job: Job) -> Iterator[Any]:
    """(job, content), or a failure."""
    source, _ = job
    try:
        with FileSystems.open(source, compression_type=PLAIN) as file:
            content = file.read()
    except (OSError, BeamIOError) as error:
        reason = f"cannot be read: {error}"
    else:
        if content:
            yield job, content
            return
        reason = "the file is empty"
    yield beam.pvalue.TaggedOutput(FAILED, (source, reason))


def _write(answered: tuple[Job, Answer]) -> Iterator[Any]:
    """Writes beside, then renames: an answer is there whole or not at all."""
    (source, target), (content, failure) = answered
    if content is None:
        yield beam.pvalue.TaggedOutput(FAILED, (source, failure))
        return
    # A bundle may be tried again, or twice at once: the same bytes go to the same name.
    partial = posixpath.join(posixpath.dirname(target), f".partial-{uuid.uuid4().hex}")
    with FileSystems.create(partial, compression_type=PLAIN) as file:
        file.write(content)
    FileSystems.rename([partial], [target])
    Metrics.counter(COUNTERS, "written").inc()
    yield target


def _told(failure: Failure) -> str:
    Metrics.counter(COUNTERS, FAILED).inc()
    return json.dumps(dict(zip(("source", "reason"), failure, strict=True)))


def translate(pipeline: beam.Pipeline, pattern: str, output: str, handler: ModelHandler) -> None:
    """Builds the pipeline: match, read, infer, write; and the failures of each."""
    output = output.rstrip("/")
    matches = pipeline | "match" >> fileio.MatchFiles(pattern)
    jobs, doubles = find_jobs(matches, fixed_part(pattern), output)
    read = (
        jobs
        | "spread over the workers" >> beam.Reshuffle()
        | "read" >> beam.FlatMap(_read).with_outputs(FAILED, main="contents")
    )
    written = (
        read.contents
        | "translate" >> RunInference(KeyedModelHandler(handler))
        | "write" >> beam.FlatMap(_write).with_outputs(FAILED, main="targets")
    )
    (
        (doubles, read[FAILED], written[FAILED])
        | "all failures" >> beam.Flatten()
        | "as JSON" >> beam.Map(_told)
        | "write failures" >> beam.io.WriteToText(f"{output}/{FAILED}", ".jsonl")
    )


def fixed_part(pattern: str) -> str:
    """The folder above the first wildcard, with its slash: names are kept from there on."""
    return re.split(r"[*?\[{]", pattern)[0].rpartition("/")[0] + "/" if "/" in pattern else ""


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the pipeline; what it does not know is Beam's."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", required=True, help="folder of one version of an export")
    parser.add_argument("--input", required=True, help="pattern of files; ** spans folders")
    parser.add_argument("--output", required=True, help="folder of the answers")
    parser.add_argument("--batch-size", type=int, default=8, help="images together at most [8]")
    arguments, options = parser.parse_known_args(argv)
    handler = SavedModelHandler(arguments.model, arguments.batch_size)
    pipeline = beam.Pipeline(options=PipelineOptions(options))
    translate(pipeline, arguments.input, arguments.output, handler)
    result = pipeline.run()
    result.wait_until_finish()
    found = result.metrics().query(MetricsFilter().with_namespace(COUNTERS))["counters"]
    counts = {counter.key.metric.name: counter.committed for counter in found}
    print(f"{counts.get('written', 0)} written, {counts.get(FAILED, 0)} failed")
    return 0


if __name__ == "__main__":
    sys.exit(main())
