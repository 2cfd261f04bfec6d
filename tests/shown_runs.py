"""How what the documents show is run in a test's time, and what is not run, with the reason.

A command that is new in a document is run, or fails until it is listed in `NOT_RUN`.
"""

import re

from tests.shown import DOCUMENTS, ROOT, blocks, lines_in_text, lines_of, name_of
from tfpix2pix.ablation.recipes import load_recipes

SIZES = {
    "load_size": 36,
    "crop_size": 32,
    "base_filters": 2,
    "n_layers": 1,
    "steps": 2,
    "sample_pairs": 1,
}
LITTLE_MORE = {"steps": 3, "epochs": 1}  # where a run goes on
# Other programs that are run, and what they say when all is well.
OTHERS_SAY = {"curl": '"predictions"', "saved_model_cli": "generated_image_bytes"}
# What words of commands stand for here.
STAND_INS = {
    "tfds:pix2pix/facades": "PATH",  # is a download
    "--fid": "--fid --features features.keras",  # InceptionV3's weights are one too
    "FORMAT": "keras",
}
# What is smaller in the Python of the documents.
SMALL = {
    'flags={"data": "PATH"}': f"flags={SIZES | {'data': 'PATH'}}",
    "(256, *channels": "(32, *channels, base_filters=2",
    "(286, 286)": "(34, 34)",
    "(256, 256)": "(32, 32)",
    "image_size=256": "image_size=32, base_filters=2",
    "80_000": "2",
    'input("until Enter is pressed ")': "pass",
}

INSTALLS = "tests/slow/test_install.py installs what is built; extras: tests/test_readme.py"
BUCKET = "tests/slow/test_gcs.py does the same against a bucket of its own"
MAKES = "tests/test_shown_commands.py has make list what it would do"
BEAM = "tests/slow/test_beam.py runs the pipeline, in an environment that it makes"
COMPLETES = "tests/cli/test_completion.py has the shells load it"
CONTAINERS = "docker or a cluster; tests/test_deploy.py reads their files"
CLUSTERS = "a cluster; tests/test_deploy_clusters.py reads its files, and runs them with stand-ins"
SERVES = "until it is stopped; tests/cli/test_demo_command.py and those in a browser serve it"
LAUNCHES = "tests/cli/test_launch.py starts workers"
SERVERS = "tests/cli/test_launch_servers.py starts them"
SERVICE = "tests/data/test_service.py starts one"
RAY = "tests/test_deploy_ray.py runs it where Ray is installed"
OTHERS = "another program, which the package neither has nor needs"
MEASURES = "minutes; tests/test_benchmarks.py runs the measurements in small"
TESTS = "tests themselves"
NO_COMMAND = "a part of a command, in a table of flags or of advice"
NOT_RUN = {
    "pip install .": INSTALLS,
    "pip install '.[onnx,tensorboard]'": INSTALLS,
    "pip install 'tfpix2pix[demo]'": INSTALLS,
    "pip install 'tfpix2pix[edges]'": INSTALLS,
    "pip install 'tfpix2pix[litert]'": INSTALLS,
    "pip install 'tfpix2pix[onnx]'": INSTALLS,
    "pip install 'tfpix2pix[openvino]'": INSTALLS,
    "pip install 'tfpix2pix[tensorboard]'": INSTALLS,
    "pip install 'tfpix2pix[torch]'": INSTALLS,
    "pip install 'tfpix2pix[web]'": INSTALLS,
    "pip install . jupyterlab": INSTALLS,
    "pip install 'tensorflow[and-cuda]'": INSTALLS,
    "python3 -m venv .venv": INSTALLS,
    ". .venv/bin/activate": INSTALLS,
    "make install": MAKES,
    "make demo": MAKES,
    "make check": MAKES,
    "make test": MAKES,
    "make test-slow": MAKES,
    "make test-browser": MAKES,
    "FACADES=PATH make test-real": MAKES,
    "make build": MAKES,
    "make docs": MAKES,
    "make benchmark": MAKES,
    "make serve MODEL=exports/facades": MAKES,
    "make check-colab": MAKES,
    "make check-minimum": MAKES,
    "make check-minimum PYTHON=python3.11": MAKES,
    "make check-newest": MAKES,
    "make lock": MAKES,
    "make lock UPGRADE='--upgrade-package NAME'": MAKES,
    "make audit": MAKES,
    "make audit ADVISORIES=all.zip": MAKES,
    "make check-colab PYTHON=python3.13": MAKES,
    "tfpix2pix demo RUN": SERVES,
    "tfpix2pix launch --workers 2 -- --data PATH --run-dir RUN --batch-size 4": LAUNCHES,
    "tfpix2pix launch --workers 2 --parameter-servers 1 -- --strategy parameter_server --data PATH "
    "--run-dir RUN": SERVERS,
    "tfpix2pix data-service --host host0 --workers 2": SERVICE,
    "tfpix2pix data-service --host host1 --join host0:5050": SERVICE,
    "tfpix2pix-train --data PATH --run-dir RUN --data-service host0:5050": SERVICE,
    "pip install 'tfpix2pix[ray]'": RAY,
    "python train.py --workers 2 --data /shared/facades --run-dir /shared/runs/facades --preset "
    "facades --set batch_size=2": RAY,
    "tfpix2pix --print-completion bash > "
    "~/.local/share/bash-completion/completions/tfpix2pix": COMPLETES,
    "tfpix2pix --print-completion zsh > FOLDER/_tfpix2pix": COMPLETES,
    "tfpix2pix --print-completion fish > ~/.config/fish/completions/tfpix2pix.fish": COMPLETES,
    "source <(tfpix2pix --print-completion bash)": COMPLETES,
    "python -m venv beam && beam/bin/pip install -r requirements.txt": BEAM,
    "beam/bin/python pipeline.py --model exports/facades/1 --input 'photos/**' "
    "--output answers": BEAM,
    "python pipeline.py ... --direct_running_mode multi_processing --direct_num_workers 4": BEAM,
    "pip install 'apache-beam[gcp]'": CONTAINERS,
    "python pipeline.py --runner DataflowRunner --project PROJECT --region REGION "
    "--temp_location gs://BUCKET/tmp "
    "--sdk_container_image REGION-docker.pkg.dev/PROJECT/REPO/beam:1 "
    "--model gs://BUCKET/exports/facades/1 --input 'gs://BUCKET/photos/**' "
    "--output gs://BUCKET/answers": CONTAINERS,
    "python pipeline.py --runner FlinkRunner --flink_master HOST:8081 --environment_type DOCKER "
    "--environment_config REPO/beam:1 --parallelism 8 --model /models/facades/1 "
    "--input 's3://BUCKET/photos/**' --output s3://BUCKET/answers": CONTAINERS,
    "docker run --net=host apache/beam_spark3_job_server:2.77.0 "
    "--spark-master-url=spark://HOST:7077": CONTAINERS,
    "python pipeline.py --runner PortableRunner --job_endpoint localhost:8099 "
    "--environment_type DOCKER --environment_config REPO/beam:1 --model /models/facades/1 "
    "--input 'hdfs:///photos/**' --output hdfs:///answers": CONTAINERS,
    "MODEL_DIR=/absolute/path/exports/facades MODEL_NAME=facades docker compose up": CONTAINERS,
    'docker run -p 8501:8501 -v "$PWD/exports/facades:/models/facades" '
    "-e MODEL_NAME=facades tensorflow/serving": CONTAINERS,
    "kubectl apply -f kubernetes.yaml": CONTAINERS,
    "kubectl cp exports/facades/1 POD:/models/.partial && "
    "kubectl exec POD -- mv /models/.partial /models/1": CONTAINERS,
    "docker build -f deploy/kubernetes/Dockerfile -t REGISTRY/tfpix2pix:0.1.0 .": CLUSTERS,
    "docker push REGISTRY/tfpix2pix:0.1.0": CLUSTERS,
    "kubectl apply -f job.yaml": CLUSTERS,
    "kubectl logs -f job/facades": CLUSTERS,
    "DATA=/shared/facades RUN=/shared/runs/facades sbatch --nodes=4 train.sbatch --preset facades "
    "--batch-size 8": CLUSTERS,
    "python train.py --dataroot PATH --name maps --model pix2pix --direction BtoA": OTHERS,
    "python test.py --dataroot PATH --name maps --model pix2pix --direction BtoA": OTHERS,
    "pip install pre-commit && pre-commit install": OTHERS,
    "tensorboard --logdir runs": OTHERS,
    "python -m http.server": OTHERS,
    "python -m http.server --directory exports/page": OTHERS,
    "opt_in_out --opt_out": OTHERS,
    "exiftran -ai *.jpg": OTHERS,
    "python -m benchmarks --suite formats --run RUN": MEASURES,
    "python -m benchmarks": MEASURES,
    "python -m benchmarks --layers 1": MEASURES,
    "python -m benchmarks.scaling": MEASURES,
    "python -m benchmarks.memory": MEASURES,
    "python -m benchmarks.long_run": MEASURES,
    "bash .ci/run": TESTS,
    "COMPOSITIONS=100-160 pytest -m slow tests/training/test_composition.py": TESTS,
    "FUZZ=50 pytest tests/fuzz": TESTS,
    "pytest -m slow tests/faults -s": TESTS,
    "python tests/exchange/parity.py": TESTS,
    "tfpix2pix-train --data gs://bucket/pairs --run-dir gs://bucket/runs/a --epochs 200": BUCKET,
    "tfpix2pix-train --run-dir gs://bucket/runs/a --resume": BUCKET,
    "tfpix2pix predict gs://bucket/runs/a gs://bucket/photos --output gs://bucket/answers": BUCKET,
    "tfpix2pix evaluate gs://bucket/runs/a": BUCKET,
    "tfpix2pix export gs://bucket/runs/a --output gs://bucket/models/facades": BUCKET,
    "tfpix2pix prepare --check gs://bucket/pairs": BUCKET,
    "tensorboard --logdir gs://bucket/runs": OTHERS,
    "tfpix2pix prepare SRC DST --format tfrecord": NO_COMMAND,
    "curl -d @request_rest.json ...": NO_COMMAND,
    "tfpix2pix evaluate --limit": NO_COMMAND,
    "tfpix2pix evaluate --split": NO_COMMAND,
    "tfpix2pix predict --fixed-statistics FRAMES": NO_COMMAND,
}
# Documents whose Python, or whose commands in the text, a test of their own runs.
PYTHON_ELSEWHERE = {"README.md": "tests/test_readme.py"}
TEXT_ELSEWHERE = {"docs/errors.md": "tests/cli/test_errors_page.py"}


def pages():
    """The names of the documents whose blocks hold something to run."""
    return sorted(name_of(path) for path in DOCUMENTS if list(steps(path)))


def steps(document):
    """What is run of a document's blocks, from top to bottom: lines of a shell, Python blocks."""
    for block in blocks(document):
        if block.language == "python" and name_of(document) not in PYTHON_ELSEWHERE:
            yield block
        yield from (line for line in lines_of(block) if line not in NOT_RUN)


def lines_only_in_text():
    """What is run besides: command lines that stand in a text, but in no block."""
    documents = [path for path in DOCUMENTS if name_of(path) not in TEXT_ELSEWHERE]
    in_text = {line for path in documents for line in lines_in_text(path)}
    in_blocks = {line for path in documents for block in blocks(path) for line in lines_of(block)}
    return sorted(in_text - in_blocks - set(NOT_RUN))


def lay_out(folder):
    """Puts into a folder what documents name and every checkout or page has."""
    (folder / "configs").symlink_to(ROOT / "configs")
    (text,) = [b.text for b in blocks(ROOT / "docs" / "training.md") if b.language == "yaml"]
    (folder / "my.yaml").write_text(text)


def made_small(code):
    """The documents' Python, in a size for tests."""
    for shown, small in SMALL.items():
        code = code.replace(shown, small)
    return code


def made_tiny(words):
    """A command of this package as it is shown -> its words in a size for tests."""
    words = [part for word in words for part in STAND_INS.get(word, word).split()]
    command, *given = ["train", *words[1:]] if words[0] == "tfpix2pix-train" else words[1:]
    if "--resume" in given:
        given = with_values(given, LITTLE_MORE)
    elif command == "train" and "--help" not in given:
        given += [] if {"--data", "--config"} & set(given) else ["--data", "PATH"]
        given = with_values(given, SIZES, everywhere=True)
    elif command == "ablate" and {"--steps", "--fcn-score"} & set(given):
        given += ["--dry-run"]  # the set that is shown without these is trained
    elif command == "ablate":
        *_, last = load_recipes(ROOT / given[0]).recipes
        small = {name: value for name, value in SIZES.items() if name != "n_layers"}
        given = [*with_values(given, small, everywhere=True), "--only", last.name]
    elif command == "import":
        given += ["--crop-size", "32"] if given[0].endswith(".pth") else ["--n-layers", "1"]
    return [command, *given]


def with_values(words, values, everywhere=False):
    """The words with these settings in place of their own, or everywhere."""
    words = list(words)
    for name, value in values.items():
        flag = f"--{name.replace('_', '-')}"
        if flag in words:
            words[words.index(flag) + 1] = str(value)
        elif everywhere:
            words += [flag, str(value)]
    return words


def names(line, name):
    """Whether a line has a file's name, not as a part of another."""
    return re.search(rf"(?<![\w/.]){re.escape(name)}(?![\w.])", line)
