"""What lies in deploy/ for TensorFlow Serving can be read by those it is for."""

from pathlib import Path

import pytest
import yaml
from google.protobuf import (
    descriptor_pb2,
    descriptor_pool,
    message_factory,
    text_format,
    wrappers_pb2,
)

FOLDER = Path(__file__).parents[1] / "deploy" / "tensorflow-serving"
BINARY = "/usr/bin/tensorflow_model_server"


def documents(name):
    return list(yaml.safe_load_all((FOLDER / name).read_text()))


def kubernetes():
    return {document["kind"]: document for document in documents("kubernetes.yaml")}


def flags(arguments):
    return dict(argument.removeprefix("--").split("=", 1) for argument in arguments)


def compose(name):
    (document,) = documents(name)
    return document["services"]["tensorflow-serving"]


def test_compose_serves_one_folder_on_both_ports():
    service = compose("docker-compose.yml")
    given = flags(service["command"])
    assert service["entrypoint"] == [BINARY]
    assert (given["port"], given["rest_api_port"]) == ("8500", "8501")
    targets = {volume.rsplit(":", 2)[-2] for volume in service["volumes"]}
    assert given["model_base_path"] in targets
    assert given["monitoring_config_file"] in targets
    for volume in service["volumes"]:
        source = volume.split(":")[0]
        assert not source.startswith("./") or (FOLDER / source).is_file()
    # Batching is off unless the second file is laid over the first.
    assert "enable_batching" not in given
    over = flags(compose("docker-compose.batching.yml")["command"])
    assert over.items() >= given.items()
    assert over["enable_batching"] == "true"
    assert over["batching_parameters_file"] in targets


def test_kubernetes_probes_ports_and_volumes_belong_together():
    found = kubernetes()
    assert list(found) == ["ConfigMap", "PersistentVolumeClaim", "Deployment", "Service"]
    pod = found["Deployment"]["spec"]["template"]
    (container,) = pod["spec"]["containers"]
    given = flags(container["args"])
    ports = {port["name"]: port["containerPort"] for port in container["ports"]}
    assert ports == {"grpc": int(given["port"]), "rest": int(given["rest_api_port"])}
    for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
        place = container[probe]["httpGet"]
        assert place["port"] in ports
        assert place["path"].startswith(f"/v1/models/{given['model_name']}")
    mounted = {mount["name"]: mount["mountPath"] for mount in container["volumeMounts"]}
    assert mounted.keys() == {volume["name"] for volume in pod["spec"]["volumes"]}
    assert given["model_base_path"] == mounted["models"]
    assert Path(given["monitoring_config_file"]).name in found["ConfigMap"]["data"]
    labels = pod["metadata"]["labels"]
    assert found["Service"]["spec"]["selector"] == labels
    assert found["Deployment"]["spec"]["selector"]["matchLabels"] == labels
    assert {port["targetPort"] for port in found["Service"]["spec"]["ports"]} == ports.keys()
    claim = found["PersistentVolumeClaim"]["metadata"]["name"]
    assert pod["spec"]["volumes"][0]["persistentVolumeClaim"]["claimName"] == claim


def test_the_config_map_holds_the_files_beside_it():
    for name, content in kubernetes()["ConfigMap"]["data"].items():
        assert content == (FOLDER / name).read_text()


def test_both_deployments_run_the_same_server():
    (container,) = kubernetes()["Deployment"]["spec"]["template"]["spec"]["containers"]
    assert container["command"] == [BINARY]
    tag = container["image"].split(":")[1]
    assert compose("docker-compose.yml")["image"] == f"tensorflow/serving:${{SERVING_TAG:-{tag}}}"


# The messages, as tensorflow_serving/servables/tensorflow/session_bundle_config.proto and
# config/monitoring_config.proto define them: tensorflow-serving-api has neither.
NUMBER = ".google.protobuf.Int64Value"
MESSAGES = {
    "BatchingParameters": {
        "max_batch_size": NUMBER,
        "batch_timeout_micros": NUMBER,
        "max_enqueued_batches": NUMBER,
        "num_batch_threads": NUMBER,
        "pad_variable_length_inputs": "bool",
    },
    "PrometheusConfig": {"enable": "bool", "path": "string"},
    "MonitoringConfig": {"prometheus_config": ".serving.PrometheusConfig"},
}


@pytest.fixture(scope="module")
def messages():
    file = descriptor_pb2.FileDescriptorProto(name="serving.proto", package="serving")
    file.syntax = "proto3"
    file.dependency.append("google/protobuf/wrappers.proto")
    kinds = descriptor_pb2.FieldDescriptorProto
    scalars = {"bool": kinds.TYPE_BOOL, "string": kinds.TYPE_STRING}
    for message, fields in MESSAGES.items():
        described = file.message_type.add(name=message)
        for number, (field, kind) in enumerate(fields.items(), start=1):
            added = described.field.add(name=field, number=number, label=kinds.LABEL_OPTIONAL)
            added.type = scalars.get(kind, kinds.TYPE_MESSAGE)
            if kind not in scalars:
                added.type_name = kind
    pool = descriptor_pool.DescriptorPool()
    wrappers = descriptor_pb2.FileDescriptorProto()
    wrappers_pb2.DESCRIPTOR.CopyToProto(wrappers)
    pool.Add(wrappers)
    pool.Add(file)
    return {
        name: message_factory.GetMessageClass(pool.FindMessageTypeByName(f"serving.{name}"))
        for name in MESSAGES
    }


def test_the_monitoring_is_read_as_tensorflow_serving_does(messages):
    content = (FOLDER / "monitoring.config").read_text()
    found = text_format.Parse(content, messages["MonitoringConfig"]()).prometheus_config
    assert (found.enable, found.path) == (True, "/monitoring/prometheus/metrics")


def test_the_batching_is_read_as_tensorflow_serving_does(messages):
    content = (FOLDER / "batching_parameters.txt").read_text()
    found = text_format.Parse(content, messages["BatchingParameters"]())
    assert found.max_batch_size.value == 8
    assert min(f.value for _, f in found.ListFields() if f is not True) > 0
    assert not found.pad_variable_length_inputs


def test_prometheus_asks_where_the_server_answers():
    (settings,) = documents("prometheus.yml")
    (job,) = settings["scrape_configs"]
    assert f'path: "{job["metrics_path"]}"' in (FOLDER / "monitoring.config").read_text()
    assert job["static_configs"] == [{"targets": ["tensorflow-serving:8501"]}]
