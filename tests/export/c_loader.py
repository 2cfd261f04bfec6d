"""Run an exported SavedModel through the C++ loader that TensorFlow Serving uses.

Python's `tf.saved_model.load` is more forgiving than that loader: it can load an export that the
model server cannot run. Tests of an export therefore go through the C API that the TensorFlow
wheel carries, in a process of its own that never imports tensorflow or keras:

    outputs = run_in_c_loader(export_dir, "serving_default", [png_bytes, png_bytes])
    answers = serve_in_c_loader(export_dir, [(signature, inputs), ...])

A signature must have one output. Its inputs are a value, where it has one, or values by name. A
string batch goes in and comes out as a list of bytes, other tensors as numpy arrays.
"""

import ctypes
import os
import pickle
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from ctypes import POINTER, byref, c_char_p, c_int, c_int64, c_size_t, c_void_p
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

import numpy as np

DT_STRING = 7  # tensorflow/core/framework/types.proto
ARRAY_TYPES = {1: np.float32, 4: np.uint8, 9: np.int64, 17: np.uint16}

Value = np.ndarray | list[bytes]
Inputs = Value | dict[str, Value]


class LoaderError(RuntimeError):
    """The export could not be loaded or run; the message says why."""


# --- In the test's process ------------------------------------------------------------------------


def run_in_c_loader(export_dir: Path | str, signature: str, inputs: Inputs) -> Value:
    """Return the output of `signature` for `inputs`, computed in a process without TensorFlow.

    Args:
        export_dir: the folder that holds `saved_model.pb`.
        signature: a key of its `signature_def`, such as "serving_default".
        inputs: an array, or N byte strings that make one rank-1 string tensor; or such by name.

    Returns:
        A numpy array or a list of bytes, whichever the signature returns.

    Raises:
        LoaderError: the model or the request failed.
    """
    (answer,) = serve_in_c_loader(export_dir, [(signature, inputs)])
    if isinstance(answer, LoaderError):
        raise answer
    return answer


def serve_in_c_loader(
    export_dir: Path | str, requests: Sequence[tuple[str, Inputs]]
) -> list[Value | LoaderError]:
    """Answer requests one after the other with one loaded model, as a server does.

    Returns:
        For each request its output, or why it failed.

    Raises:
        LoaderError: the model could not be loaded, or the process died.
    """
    with tempfile.TemporaryDirectory() as folder:
        (requests_file, answers_file) = (Path(folder, name) for name in ("requests", "answers"))
        requests_file.write_bytes(pickle.dumps(list(requests)))
        run_script([find_library_dir(), str(export_dir), str(requests_file), str(answers_file)])
        answers = pickle.loads(answers_file.read_bytes())
    return [LoaderError(answer) if isinstance(answer, str) else answer for answer in answers]


def find_library_dir() -> str:
    """Return the folder of TensorFlow's shared libraries without importing TensorFlow."""
    return find_spec("tensorflow").submodule_search_locations[0]


def run_script(arguments: Sequence[str]) -> None:
    """Run this file in a new process and raise LoaderError if it fails."""
    # No GPU: a test process that uses TensorFlow may already hold all of its memory.
    result = subprocess.run(
        [sys.executable, __file__, *arguments],
        env=os.environ | {"CUDA_VISIBLE_DEVICES": "-1"},
        stderr=subprocess.PIPE,
        text=True,
        timeout=300,
        check=False,
    )
    if result.returncode:
        raise LoaderError(f"exit code {result.returncode}\n{result.stderr.strip()}")


# --- The C API ------------------------------------------------------------------------------------


class Buffer(ctypes.Structure):
    """TF_Buffer."""

    _fields_ = [("data", c_void_p), ("length", c_size_t), ("deallocator", c_void_p)]


class Output(ctypes.Structure):
    """TF_Output: one end of a graph operation."""

    _fields_ = [("operation", c_void_p), ("index", c_int)]


class TString(ctypes.Structure):
    """TF_TString: 24 opaque bytes, an element of a DT_STRING tensor."""

    _fields_ = [("opaque", ctypes.c_uint64 * 3)]


POINTERS = POINTER(c_void_p)
TAGS = (POINTER(c_char_p), c_int)
ENDS = (POINTER(Output), POINTERS, c_int)  # ends of operations, their tensors, how many

# Name: (result, arguments), as in tensorflow/c/c_api.h. Without them ctypes would take every
# pointer for an int and cut it to 32 bits.
PROTOTYPES = {
    "TF_NewStatus": (c_void_p, []),
    "TF_GetCode": (c_int, [c_void_p]),
    "TF_Message": (c_char_p, [c_void_p]),
    "TF_NewGraph": (c_void_p, []),
    "TF_NewSessionOptions": (c_void_p, []),
    "TF_NewBuffer": (POINTER(Buffer), []),
    # Session options, run options, folder, tags and their number, graph, MetaGraphDef, status.
    "TF_LoadSessionFromSavedModel": (
        c_void_p,
        [c_void_p, c_void_p, c_char_p, *TAGS, c_void_p, POINTER(Buffer), c_void_p],
    ),
    "TF_GraphOperationByName": (c_void_p, [c_void_p, c_char_p]),
    # Session, run options, inputs, outputs, targets and their number, run metadata, status.
    "TF_SessionRun": (
        None,
        [c_void_p, c_void_p, *ENDS, *ENDS, POINTERS, c_int, c_void_p, c_void_p],
    ),
    "TF_AllocateTensor": (c_void_p, [c_int, POINTER(c_int64), c_int, c_size_t]),
    "TF_TensorType": (c_int, [c_void_p]),
    "TF_TensorData": (c_void_p, [c_void_p]),
    "TF_TensorByteSize": (c_size_t, [c_void_p]),
    "TF_NumDims": (c_int, [c_void_p]),
    "TF_Dim": (c_int64, [c_void_p, c_int]),
    "TF_StringInit": (None, [POINTER(TString)]),
    "TF_StringCopy": (None, [POINTER(TString), c_char_p, c_size_t]),
    "TF_StringGetDataPointer": (c_void_p, [POINTER(TString)]),
    "TF_StringGetSize": (c_size_t, [POINTER(TString)]),
}


def load_library(folder: str) -> ctypes.CDLL:
    """Load the C API. What it allocates is never freed: the process ends after one run."""
    # It brings in libtensorflow_framework.so.2 from the same folder by itself.
    library = ctypes.CDLL(f"{folder}/libtensorflow_cc.so.2")
    for name, (result, arguments) in PROTOTYPES.items():
        function = getattr(library, name)
        function.restype, function.argtypes = result, arguments
    return library


def check(library: ctypes.CDLL, status: int) -> None:
    """Raise LoaderError unless the status is OK."""
    if code := library.TF_GetCode(status):
        message = library.TF_Message(status).decode(errors="replace")
        raise LoaderError(f"code {code}: {message}")


def load_session(library: ctypes.CDLL, export_dir: str) -> tuple[int, int, bytes]:
    """Return the session, the graph and the serialized MetaGraphDef of an export."""
    graph, status = library.TF_NewGraph(), library.TF_NewStatus()
    meta_graph = library.TF_NewBuffer()
    session = library.TF_LoadSessionFromSavedModel(
        library.TF_NewSessionOptions(),
        None,
        os.fsencode(export_dir),
        *((c_char_p * 1)(b"serve"), 1),
        graph,
        meta_graph,
        status,
    )
    check(library, status)
    return session, graph, ctypes.string_at(meta_graph[0].data, meta_graph[0].length)


def find_output(library: ctypes.CDLL, graph: int, name: str) -> Output:
    """Return the end of a graph operation that a name such as "serving_default_x:0" stands for."""
    operation_name, _, index = name.rpartition(":")
    operation = library.TF_GraphOperationByName(graph, operation_name.encode())
    if not operation:
        raise LoaderError(f"the graph has no operation {operation_name!r}")
    return Output(operation, int(index))


def run_session(
    library: ctypes.CDLL, session: int, feeds: Sequence[tuple[Output, int]], target: Output
) -> Value:
    """Feed tensors to the ends of operations and return what `target` then holds."""
    status, result = library.TF_NewStatus(), c_void_p()
    count = len(feeds)
    library.TF_SessionRun(
        session,
        None,
        *((Output * count)(*(end for end, _ in feeds)), (c_void_p * count)(*(t for _, t in feeds))),
        count,
        *(byref(target), byref(result), 1),
        *(None, 0),
        None,
        status,
    )
    check(library, status)
    return from_tensor(library, result)


# --- Tensors --------------------------------------------------------------------------------------


def to_tensor(library: ctypes.CDLL, value: Value, dtype: int) -> int:
    """Return a new tensor of an array, or a rank-1 DT_STRING tensor of byte strings."""
    if (dtype == DT_STRING) != isinstance(value, list):
        raise LoaderError(f"expected strings or an array, as the type {dtype} says")
    if isinstance(value, list):
        shape, size = (len(value),), len(value) * ctypes.sizeof(TString)
    else:
        value = np.asarray(value, ARRAY_TYPES[dtype], order="C")
        shape, size = value.shape, value.nbytes
    dimensions = (c_int64 * len(shape))(*shape)
    tensor = library.TF_AllocateTensor(dtype, dimensions, len(shape), size)
    data = library.TF_TensorData(tensor)
    if dtype != DT_STRING:
        ctypes.memmove(data, value.ctypes.data, size)
        return tensor
    for element, content in zip(string_elements(data, len(value)), value, strict=True):
        library.TF_StringInit(byref(element))
        library.TF_StringCopy(byref(element), content, len(content))
    return tensor


def from_tensor(library: ctypes.CDLL, tensor: c_void_p) -> Value:
    """Return the array of a tensor, or the byte strings of a rank-1 DT_STRING tensor."""
    shape = [library.TF_Dim(tensor, axis) for axis in range(library.TF_NumDims(tensor))]
    dtype, data = library.TF_TensorType(tensor), library.TF_TensorData(tensor)
    if dtype in ARRAY_TYPES:
        content = ctypes.string_at(data, library.TF_TensorByteSize(tensor))
        return np.frombuffer(content, ARRAY_TYPES[dtype]).reshape(shape)
    if dtype != DT_STRING or len(shape) != 1:
        raise LoaderError(f"expected an array or a list of strings, got type {dtype}, {shape}")
    return [
        ctypes.string_at(
            library.TF_StringGetDataPointer(byref(element)),
            library.TF_StringGetSize(byref(element)),
        )
        for element in string_elements(data, shape[0])
    ]


def string_elements(data: int, count: int) -> Sequence[TString]:
    """View the memory of a DT_STRING tensor as its elements, without a copy."""
    return (TString * count).from_address(data) if count else []


# --- The signature, from the protocol buffer ------------------------------------------------------


class TensorInfo(NamedTuple):
    """The graph's name for an input or output, and its DataType number."""

    name: str
    dtype: int


def read_signature(meta_graph: bytes, signature: str) -> tuple[dict[str, TensorInfo], TensorInfo]:
    """Return the inputs and the one output of a signature in a serialized MetaGraphDef."""
    signatures = read_map(meta_graph, number=5)  # MetaGraphDef.signature_def
    if signature not in signatures:
        raise LoaderError(f"no signature {signature!r}; the export has {sorted(signatures)}")
    inputs = read_map(signatures[signature], number=1)  # SignatureDef.inputs
    outputs = read_map(signatures[signature], number=2)  # SignatureDef.outputs
    if len(outputs) != 1:
        raise LoaderError(f"expected one output in {signature!r}, got {sorted(outputs)}")
    infos = {name: read_tensor_info(info) for name, info in inputs.items()}
    return infos, read_tensor_info(*outputs.values())


def read_tensor_info(message: bytes) -> TensorInfo:
    """Parse a TensorInfo: name = 1, dtype = 2."""
    values = dict(read_fields(message))
    return TensorInfo(values[1].decode(), values[2])


def read_map(message: bytes, number: int) -> dict[str, bytes]:
    """Return the map<string, message> that is field `number`; an entry is key = 1, value = 2."""
    entries = [dict(read_fields(value)) for field, value in read_fields(message) if field == number]
    return {entry[1].decode(): entry.get(2, b"") for entry in entries}


def read_fields(message: bytes) -> Iterator[tuple[int, int | bytes]]:
    """Yield (field number, value): an int, or the bytes of a string or message.

    The messages walked here have no fields of the wire format's other types.
    """
    position = 0
    while position < len(message):
        key, position = read_varint(message, position)
        value, position = read_varint(message, position)
        if key & 7 == 2:  # What was read is the length of what follows.
            value, position = message[position : position + value], position + value
        yield key >> 3, value


def read_varint(message: bytes, position: int) -> tuple[int, int]:
    """Return the integer at `position`, seven bits a byte, and the position after it."""
    value = shift = 0
    while True:
        byte = message[position]
        value |= (byte & 0x7F) << shift
        position, shift = position + 1, shift + 7
        if byte < 0x80:
            return value, position


# --- The script -----------------------------------------------------------------------------------


def answer(
    library: ctypes.CDLL, model: tuple[int, int, bytes], signature: str, inputs: Inputs
) -> Value:
    """Answer one request with a loaded model."""
    session, graph, meta_graph = model
    infos, target = read_signature(meta_graph, signature)
    if not isinstance(inputs, dict):
        inputs = dict.fromkeys(infos, inputs)
    if inputs.keys() != infos.keys():
        raise LoaderError(f"{signature!r} takes {sorted(infos)}, not {sorted(inputs)}")
    feeds = [
        (
            find_output(library, graph, infos[name].name),
            to_tensor(library, value, infos[name].dtype),
        )
        for name, value in inputs.items()
    ]
    return run_session(library, session, feeds, find_output(library, graph, target.name))


def main(argv: Sequence[str]) -> int:
    """LIBRARY_DIR EXPORT_DIR REQUESTS ANSWERS: two pickles of lists; a str is a failure."""
    library_dir, export_dir, requests_file, answers_file = argv
    library = load_library(library_dir)
    answers: list[Value | str] = []
    try:
        model = load_session(library, export_dir)
    except LoaderError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    for signature, inputs in pickle.loads(Path(requests_file).read_bytes()):
        try:
            answers.append(answer(library, model, signature, inputs))
        except LoaderError as error:
            answers.append(str(error))
    Path(answers_file).write_bytes(pickle.dumps(answers))
    # The point of this file: nothing of Python's TensorFlow helped.
    assert not {"tensorflow", "keras"} & sys.modules.keys()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
