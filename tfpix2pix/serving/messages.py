"""TensorFlow Serving's gRPC messages, as much of them as a client of images needs.

Described here, because the modules of tensorflow-serving-api import TensorFlow, which takes
seconds. Names and numbers are those of tensorflow_serving/apis/*.proto and
tensorflow/core/framework/{tensor,tensor_shape}.proto; what is left out is skipped in reading. The
messages have a pool of their own: in the common one, TensorFlow registers its own under these
names. A map is written as the repeated entries that it is on the wire.
"""

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

PACKAGE = "tfpix2pix.serving"
DT_STRING = 7  # tensorflow/core/framework/types.proto

Field = descriptor_pb2.FieldDescriptorProto
SCALARS = {
    "bytes": Field.TYPE_BYTES,
    "string": Field.TYPE_STRING,
    "int64": Field.TYPE_INT64,
    # Open, as an enumeration is on the wire.
    "enum": Field.TYPE_INT32,
}

# message -> field -> (number, type); `*` after the type: repeated.
MESSAGES: dict[str, dict[str, tuple[int, str]]] = {
    "Int64Value": {"value": (1, "int64")},
    "ModelSpec": {
        "name": (1, "string"),
        "version": (2, "Int64Value"),
        "signature_name": (3, "string"),
    },
    # tensors
    "Dim": {"size": (1, "int64")},
    "TensorShapeProto": {"dim": (2, "Dim*")},
    "TensorProto": {
        "dtype": (1, "enum"),
        "tensor_shape": (2, "TensorShapeProto"),
        "string_val": (8, "bytes*"),
    },
    "TensorEntry": {"key": (1, "string"), "value": (2, "TensorProto")},
    # PredictionService.Predict
    "PredictRequest": {"model_spec": (1, "ModelSpec"), "inputs": (2, "TensorEntry*")},
    "PredictResponse": {"outputs": (1, "TensorEntry*")},
    # PredictionService.GetModelMetadata
    "GetModelMetadataRequest": {
        "model_spec": (1, "ModelSpec"),
        "metadata_field": (2, "string*"),
    },
    "Any": {"type_url": (1, "string"), "value": (2, "bytes")},
    "MetadataEntry": {"key": (1, "string"), "value": (2, "Any")},
    "GetModelMetadataResponse": {
        "model_spec": (1, "ModelSpec"),
        "metadata": (2, "MetadataEntry*"),
    },
    "Name": {"key": (1, "string")},
    "SignatureDef": {"inputs": (1, "Name*"), "outputs": (2, "Name*")},
    "SignatureEntry": {"key": (1, "string"), "value": (2, "SignatureDef")},
    "SignatureDefMap": {"signature_def": (1, "SignatureEntry*")},
    # ModelService.GetModelStatus
    "GetModelStatusRequest": {"model_spec": (1, "ModelSpec")},
    "StatusProto": {"error_code": (1, "enum"), "error_message": (2, "string")},
    "ModelVersionStatus": {
        "version": (1, "int64"),
        "state": (2, "enum"),
        "status": (3, "StatusProto"),
    },
    "GetModelStatusResponse": {"model_version_status": (1, "ModelVersionStatus*")},
    # For a server, which has TensorFlow: tensors and definitions as its own messages encode them.
    "EncodedEntry": {"key": (1, "string"), "value": (2, "bytes")},
    "EncodedPredictRequest": {"model_spec": (1, "ModelSpec"), "inputs": (2, "EncodedEntry*")},
    "EncodedPredictResponse": {"outputs": (1, "EncodedEntry*"), "model_spec": (2, "ModelSpec")},
    "EncodedSignatureDefMap": {"signature_def": (1, "EncodedEntry*")},
}
# ModelVersionStatus.State
STATES = {10: "START", 20: "LOADING", 30: "AVAILABLE", 40: "UNLOADING", 50: "END"}


def _described() -> descriptor_pb2.FileDescriptorProto:
    file = descriptor_pb2.FileDescriptorProto(
        name="tfpix2pix/serving.proto", package=PACKAGE, syntax="proto3"
    )
    for name, fields in MESSAGES.items():
        message = file.message_type.add(name=name)
        for field, (number, kind) in fields.items():
            single = kind.removesuffix("*")
            added = message.field.add(name=field, number=number)
            added.label = Field.LABEL_OPTIONAL if single == kind else Field.LABEL_REPEATED
            if single in SCALARS:
                added.type = SCALARS[single]
            else:
                added.type, added.type_name = Field.TYPE_MESSAGE, f".{PACKAGE}.{single}"
    return file


_POOL = descriptor_pool.DescriptorPool()
_POOL.AddSerializedFile(_described().SerializeToString())


def message(name: str) -> type:
    """The class of one of `MESSAGES`."""
    return message_factory.GetMessageClass(_POOL.FindMessageTypeByName(f"{PACKAGE}.{name}"))
