"""The limits of CONTRIBUTING.md, counted."""

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
ROOMS = ("core", "schedules", "motion", "diffusion", "interpolation", "media", "animator", "commands", "training")
FUNCTION_LINES, PARAMETERS, FILE_LINES = 50, 7, 400
EXCEPTIONS: dict[str, str] = {
    "motion/warp3d.py: warp3d": "picture, scene, camera, lens, and how to read pixels",
    "commands/control.py: command": "a command's parameters are the options of its help page",
    "commands/preview.py: command": "a command's parameters are the options of its help page",
    "commands/render.py: command": "a command's parameters are the options of its help page",
    "commands/image.py: command": "a command's parameters are the options of its help page",
    "commands/clip.py: command": "a command's parameters are the options of its help page",
    "commands/interpolate.py: command": "a command's parameters are the options of its help page",
    "commands/loop.py: command": "a command's parameters are the options of its help page",
    "commands/stylize.py: command": "as there",
    "commands/plan.py: command": "a command's parameters are the options of its help page",
    "commands/export.py: command": "as there",
    "commands/upscale.py: command": "as there",
    "commands/models.py: merge_models": "as there",
    "training/mini/__main__.py: train_vae": "as there",
    "training/mini/__main__.py: command": "as there",
    "training/mini/__main__.py: train_controlnet": "as there",
    "training/mini/__main__.py: train_motion": "as there",
}  # "file: function" or "file" -> reason


def sources() -> Iterator[Path]:
    yield ROOT / "render.py"
    for room in ROOMS:
        yield from (ROOT / room).rglob("*.py")


def functions(path: Path) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def test_functions_and_files_stay_within_their_limits():
    over = []
    for path in sources():
        name = path.relative_to(ROOT).as_posix()
        lines = len(path.read_text(encoding="utf-8").splitlines())
        if lines > FILE_LINES:
            over.append((name, f"{lines} lines"))
        for function in functions(path):
            length = function.end_lineno - function.lineno + 1 - _docstring_lines(function)
            names = [a.arg for a in (*function.args.posonlyargs, *function.args.args, *function.args.kwonlyargs)]
            parameters = len([name for name in names if name not in ("self", "cls")])
            if length > FUNCTION_LINES or parameters > PARAMETERS:
                over.append((f"{name}: {function.name}", f"{length} lines, {parameters} parameters"))
    assert [entry for entry in over if entry[0] not in EXCEPTIONS] == []
    assert {entry[0] for entry in over} == set(EXCEPTIONS), "an exception that is not needed any more"


def _docstring_lines(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    first = function.body[0]
    is_docstring = (
        isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant) and isinstance(first.value.value, str)
    )
    return first.end_lineno - first.lineno + 1 if is_docstring else 0


def test_printing_is_for_commands():
    rooms = [path for path in sources() if path.parts[len(ROOT.parts)] not in ("commands", "training", "render.py")]
    printing = [
        path.name
        for path in rooms
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "print"
    ]
    assert printing == []


def test_every_module_says_what_it_is():
    assert [str(path) for path in sources() if not ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))] == []
