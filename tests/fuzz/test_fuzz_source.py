"""Nothing in the package runs what a file holds: no pickle, no eval, no unsafe way to load."""

import ast
from pathlib import Path

import tfpix2pix

PACKAGE = Path(tfpix2pix.__file__).parent
MODULES = {"pickle", "cPickle", "marshal", "shelve", "dill", "joblib", "cloudpickle", "pty"}
CALLS = {"eval", "exec", "compile", "__import__"}
# Methods by what they belong to; None: to anything.
METHODS = {
    "yaml": {"load", "load_all", "unsafe_load", "full_load", "unsafe_load_all", "full_load_all"},
    "os": {"system", "popen", "execv", "execvp"},
    "shutil": {"unpack_archive"},
    None: {"extractall", "enable_unsafe_deserialization", "register_custom_ops_library"},
}
FLAGS = {"allow_pickle": False, "weights_only": True, "safe_mode": True, "shell": False}

# What is allowed where, and why.
ALLOWED = {
    ("models/exchange/torch_files.py", "pickle"): "for the error that PyTorch raises",
}


def used(path):
    """What is dangerous in a file, by name."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            names = [alias.name for alias in node.names]
            roots = [(getattr(node, "module", None) or name).split(".")[0] for name in names]
            yield from (root for root in roots if root in MODULES)
        if isinstance(node, ast.Call):
            yield from dangers_of(node)


def dangers_of(call):
    function = call.func
    if isinstance(function, ast.Name) and function.id in CALLS:
        yield function.id
    if isinstance(function, ast.Attribute):
        owner = function.value.id if isinstance(function.value, ast.Name) else None
        if function.attr in METHODS[None] or function.attr in METHODS.get(owner, ()):
            yield f"{owner}.{function.attr}"
        given = {keyword.arg: keyword.value for keyword in call.keywords}
        # Without it, PyTorch before 2.6 would unpickle.
        if (owner, function.attr) == ("torch", "load") and "weights_only" not in given:
            yield "torch.load"
        if (owner, function.attr) == ("np", "load") and "allow_pickle" not in given:
            yield "np.load"
    for keyword in call.keywords:
        if keyword.arg in FLAGS:
            value = keyword.value
            if not (isinstance(value, ast.Constant) and value.value is FLAGS[keyword.arg]):
                yield f"{keyword.arg}={ast.unparse(value)}"


def test_nothing_that_runs_code_from_files_is_used():
    found = {
        (path.relative_to(PACKAGE).as_posix(), name)
        for path in PACKAGE.rglob("*.py")
        for name in used(path)
    }
    assert found == set(ALLOWED)


def test_the_search_finds_what_it_looks_for(tmp_path):
    dangers = {
        "import pickle": "pickle",
        "from dill import loads": "dill",
        "eval(text)": "eval",
        "yaml.load(text)": "yaml.load",
        "os.system(text)": "os.system",
        "archive.extractall(folder)": "archive.extractall",
        "np.load(path, allow_pickle=True)": "allow_pickle=True",
        "np.load(path)": "np.load",
        "torch.load(path, weights_only=flag)": "weights_only=flag",
        "torch.load(path)": "torch.load",
        "keras.saving.load_model(path, safe_mode=False)": "safe_mode=False",
        "subprocess.run(text, shell=True)": "shell=True",
    }
    for number, (text, name) in enumerate(dangers.items()):
        path = tmp_path / f"{number}.py"
        path.write_text(text)
        assert list(used(path)) == [name], text
