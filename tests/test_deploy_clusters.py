"""What lies in deploy/ for Kubernetes and Slurm: valid, of one piece, and run with stand-ins."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import kubernetes_validate
import pytest
import yaml
from kubeflow import training

from tfpix2pix.cli import train
from tfpix2pix.cli.parsing import Parser, given_settings
from tfpix2pix.config import resolve
from tfpix2pix.training.cluster import VARIABLE, cluster_of

DEPLOY = Path(__file__).parents[1] / "deploy"
KUBERNETES, SLURM = DEPLOY / "kubernetes", DEPLOY / "slurm"
SCRIPT = SLURM / "train.sbatch"
# Who the worker is and what it was told, a line for each.
TELLS = '#!/bin/bash\nprintf "%s\\t%s\\n" "${TF_CONFIG:-}" "$*" >> "$SAID"\nexit ${STATUS:-0}\n'
# Starts two workers one after the other, as srun does at the same time.
SRUN = """#!/bin/bash
while [[ $1 == --* ]]; do shift; done
for ((i = 0; i < TASKS; i++)); do SLURM_PROCID=$i "$@"; status=$?; done
exit $status
"""
SCONTROL = """#!/bin/bash
if [ "$1" = show ]; then printf "%s\\n" $HOSTS; else echo "$*" >> "$ASKED"; fi
"""


def documents(name):
    return list(yaml.safe_load_all((KUBERNETES / name).read_text()))


def job():
    service, claim, job = documents("job.yaml")
    return service, claim, job, job["spec"]["template"]["spec"]


def tfjob():
    (document,) = documents("tfjob.yaml")
    return document, document["spec"]["tfReplicaSpecs"]["Worker"]


def check_training(words):
    """That `tfpix2pix train` takes them, and goes on when it is started again."""
    parser = Parser()
    train.add_arguments(parser)
    arguments = parser.parse_args(words)
    assert arguments.resume_or_start
    settings = resolve(arguments.preset, None, given_settings(arguments))
    return arguments, settings


def with_stand_ins(folder, **scripts):
    """An environment in which programs of these names are found first."""
    places = folder / "bin"
    places.mkdir()
    for name, text in scripts.items():
        (places / name).write_text(text)
        (places / name).chmod(0o755)
    said = {"SAID": str(folder / "said"), "ASKED": str(folder / "asked")}
    return os.environ | said | {"PATH": f"{places}:{os.environ['PATH']}"}


def said(folder):
    """The cluster that each worker was told, and its words."""
    lines = [line.split("\t") for line in (folder / "said").read_text().splitlines()]
    return [(cluster_of({VARIABLE: config}), words.split()) for config, words in lines]


def test_kubernetes_takes_the_job():
    for document in documents("job.yaml"):
        kubernetes_validate.validate(document, kubernetes_validate.latest_version(), strict=True)


def test_the_training_operator_takes_the_tfjob():
    (document,) = documents("tfjob.yaml")

    class Answer:
        data = json.dumps(document)

    client = training.ApiClient()
    found = client.deserialize(Answer, "KubeflowOrgV1TFJob")
    # Fields that it does not know are lost on the way.
    assert client.sanitize_for_serialization(found) == document
    template = document["spec"]["tfReplicaSpecs"]["Worker"]["template"]
    metadata = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "facades"}}
    pod = metadata | {"spec": template["spec"] | {"restartPolicy": "OnFailure"}}
    kubernetes_validate.validate(pod, kubernetes_validate.latest_version(), strict=True)


def test_the_job_s_names_and_numbers_belong_together():
    service, claim, job_, pod = job()
    name, spec = job_["metadata"]["name"], job_["spec"]
    (worker,) = pod["containers"]
    environment = {variable["name"]: variable["value"] for variable in worker["env"]}
    assert environment == {"JOB": name, "WORKERS": str(spec["completions"])}
    assert spec["completions"] == spec["parallelism"]
    # The pods' names below the service's: what the workers call each other.
    assert service["metadata"]["name"] == pod["subdomain"] == name
    assert service["spec"]["clusterIP"] == "None"
    assert service["spec"]["selector"] == {"batch.kubernetes.io/job-name": name}
    assert service["spec"]["ports"][0]["port"] == worker["ports"][0]["containerPort"] == 2222
    assert spec["podFailurePolicy"]["rules"][0]["onExitCodes"]["containerName"] == worker["name"]
    (volume,) = pod["volumes"]
    assert volume["persistentVolumeClaim"]["claimName"] == claim["metadata"]["name"]
    assert claim["spec"]["accessModes"] == ["ReadWriteMany"]


def test_both_train_the_same_on_the_shared_volume():
    _, _, job_, pod = job()
    _, worker = tfjob()
    assert worker["replicas"] == job_["spec"]["completions"]
    of_tfjob = worker["template"]["spec"]
    assert of_tfjob["volumes"] == pod["volumes"]
    assert of_tfjob["terminationGracePeriodSeconds"] == pod["terminationGracePeriodSeconds"] > 60
    (one,), (other,) = pod["containers"], of_tfjob["containers"]
    for part in ("image", "args", "resources", "volumeMounts"):
        assert one[part] == other[part]
    assert other["command"] == ["tfpix2pix", "train"]
    arguments, settings = check_training(one["args"])
    (mount,) = one["volumeMounts"]
    for place in (str(arguments.run_dir), settings.data.data):
        assert place.startswith(f"{mount['mountPath']}/")
    assert settings.train.batch_size % worker["replicas"] == 0


@pytest.mark.parametrize("index", [0, 1])
def test_a_pod_of_the_job_tells_its_worker_who_it_is(index, tmp_path):
    (container,) = job()[3]["containers"]
    environment = with_stand_ins(tmp_path, tfpix2pix=TELLS)
    environment |= {variable["name"]: variable["value"] for variable in container["env"]}
    environment["JOB_COMPLETION_INDEX"] = str(index)
    subprocess.run([*container["command"], *container["args"]], env=environment, check=True)
    ((cluster, words),) = said(tmp_path)
    assert cluster.workers == ("facades-0.facades:2222", "facades-1.facades:2222")
    assert cluster.index == index
    assert words == ["train", *container["args"]]


def test_the_image_is_built_from_what_is_there():
    lines = (KUBERNETES / "Dockerfile").read_text().splitlines()
    assert [line.split()[0] for line in lines if line[0] != "#"] == [
        "FROM",
        "COPY",
        "RUN",
        "ENV",
        "USER",
        "ENTRYPOINT",
    ]
    user = next(line for line in lines if line.startswith("USER ")).split()[1].split(":")
    context = job()[3]["securityContext"]
    assert user == [str(context["runAsUser"]), str(context["runAsGroup"])]


# --- Slurm ----------------------------------------------------------------------------------------


def test_the_script_s_options_are_known_to_sbatch():
    options = dict(
        re.findall(r"^#SBATCH --([a-z-]+)(?:=(.*))?$", SCRIPT.read_text(), flags=re.MULTILINE)
    )
    assert options["signal"] == "TERM@120"
    assert {"requeue", "nodes", "ntasks-per-node", "time", "output"} <= options.keys()
    assert options["open-mode"] == "append"
    sbatch = shutil.which("sbatch")
    if sbatch:  # those who have Slurm
        done = subprocess.run([sbatch, "--test-only", SCRIPT], capture_output=True, text=True)
        assert "option" not in done.stderr


def test_the_script_is_sound_bash():
    subprocess.run(["bash", "-n", SCRIPT], check=True)
    program = Path(sys.executable).with_name("shellcheck")
    done = subprocess.run([program, SCRIPT], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout


def submitted(folder, hosts, tasks_per_node=1, **variables):
    """Runs the script as Slurm does; its exit status."""
    environment = with_stand_ins(folder, tfpix2pix=TELLS, srun=SRUN, scontrol=SCONTROL) | {
        "DATA": "/shared/facades",
        "RUN": "/shared/run",
        "SLURM_JOB_ID": "41",
        "SLURM_JOB_NODELIST": "any",
        "SLURM_NTASKS_PER_NODE": str(tasks_per_node),
        "HOSTS": hosts,
        "TASKS": str(len(hosts.split()) * tasks_per_node),
    }
    words = ["bash", SCRIPT, "--preset", "facades", "--batch-size", "4"]
    return subprocess.run(words, env=environment | variables).returncode


@pytest.mark.parametrize(
    ("hosts", "tasks", "workers"),
    [
        ("a b", 1, ("a:10656", "b:10656")),
        ("a b", 2, ("a:10656", "a:10657", "b:10656", "b:10657")),
    ],
)
def test_slurm_s_tasks_become_workers(hosts, tasks, workers, tmp_path):
    assert submitted(tmp_path, hosts, tasks) == 0
    told = said(tmp_path)
    assert [cluster.workers for cluster, _ in told] == [workers] * len(workers)
    assert [cluster.index for cluster, _ in told] == list(range(len(workers)))
    (command, *words), *others = [words for _, words in told]
    assert command == "train"
    assert all(other == [command, *words] for other in others)
    arguments, settings = check_training(words)
    assert (arguments.run_dir, settings.data.data) == (Path("/shared/run"), "/shared/facades")
    assert not (tmp_path / "asked").exists()


def test_one_task_trains_alone(tmp_path):
    assert submitted(tmp_path, "a") == 0
    assert said(tmp_path)[0][0] is None


@pytest.mark.parametrize(
    ("status", "restarts", "again"),
    [
        ("143", "500", True),
        ("1", "0", True),
        ("1", "20", False),
        ("2", "0", False),
        ("127", "0", False),
    ],
)
def test_what_was_stopped_or_lost_a_worker_is_queued_again(status, restarts, again, tmp_path):
    found = submitted(tmp_path, "a b", STATUS=status, SLURM_RESTART_COUNT=restarts)
    assert found == int(status)
    asked = tmp_path / "asked"
    assert asked.exists() == again
    if again:
        assert asked.read_text() == "requeue 41\n"


def test_data_and_run_folder_must_be_named(tmp_path):
    assert submitted(tmp_path, "a b", DATA="") != 0
    assert not (tmp_path / "said").exists()
