"""Addresses of models, and TensorFlow Serving's messages."""

import pytest

from tfpix2pix.errors import SettingsError
from tfpix2pix.serving.address import Address, parse_address


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("grpc://localhost:8500/facades", Address(True, "localhost:8500", "facades")),
        ("grpc://[::1]:8500/a/versions/12", Address(True, "[::1]:8500", "a", 12)),
        ("http://h:8501/v1/models/facades", Address(False, "http://h:8501", "facades")),
        ("https://h/v1/models/a/versions/2/", Address(False, "https://h", "a", 2)),
        ("http://h/behind/it/v1/models/a:predict", Address(False, "http://h/behind/it", "a")),
    ],
)
def test_addresses(text, address):
    assert parse_address(text) == address


def test_urls():
    text = "https://h/below/v1/models/a/versions/2"
    assert parse_address(f"{text}:predict").url == text


@pytest.mark.parametrize(
    "text",
    [
        *("", "localhost:8500", "ftp://h:1/a", "grpc://h/a", "grpc://h:1", "grpc://h:1/a/b"),
        *("http://h:1", "http://h:1/facades", "http://h:1/v1/models/", "http:///v1/models/a"),
        "http://h:1/v1/models/a/versions/x",
    ],
)
def test_what_is_no_address_is_refused(text):
    with pytest.raises(SettingsError, match="expected grpc://HOST:PORT/NAME or http"):
        parse_address(text)


# (our message, its module and name there); what differs in form is said below.
TWINS = {
    "ModelSpec": ("model_pb2", "ModelSpec"),
    "PredictRequest": ("predict_pb2", "PredictRequest"),
    "PredictResponse": ("predict_pb2", "PredictResponse"),
    "GetModelMetadataRequest": ("get_model_metadata_pb2", "GetModelMetadataRequest"),
    "GetModelMetadataResponse": ("get_model_metadata_pb2", "GetModelMetadataResponse"),
    "SignatureDefMap": ("get_model_metadata_pb2", "SignatureDefMap"),
    "GetModelStatusRequest": ("get_model_status_pb2", "GetModelStatusRequest"),
    "GetModelStatusResponse": ("get_model_status_pb2", "GetModelStatusResponse"),
}


def same_fields(ours, theirs):
    """Whether all our fields are fields there: number, type (an enumeration is a number here)."""
    for field in ours.fields:
        twin = theirs.fields_by_name[field.name]
        assert (field.number, field.is_repeated) == (twin.number, twin.is_repeated), field.full_name
        if twin.type == twin.TYPE_ENUM:
            assert field.type == field.TYPE_INT32
        else:
            assert field.type == twin.type, field.full_name
        if field.message_type is not None:
            same_fields(field.message_type, twin.message_type)


@pytest.mark.parametrize("name", TWINS)
def test_messages_are_those_of_tensorflow_serving(name):
    import importlib

    from tfpix2pix.serving.messages import message

    module, twin = TWINS[name]
    theirs = getattr(importlib.import_module(f"tensorflow_serving.apis.{module}"), twin)
    same_fields(message(name).DESCRIPTOR, theirs.DESCRIPTOR)


def test_numbers_of_enumerations_are_those_of_tensorflow():
    from tensorflow.core.framework import types_pb2
    from tensorflow_serving.apis import get_model_status_pb2

    from tfpix2pix.serving.messages import DT_STRING, STATES

    assert types_pb2.DT_STRING == DT_STRING
    states = dict(get_model_status_pb2.ModelVersionStatus.State.items())
    assert {name: number for number, name in STATES.items()} | {"UNKNOWN": 0} == states
