"""Of X-Ray the records stand on the ground floor, its pages just under the command line."""

import re
import tomllib

from ml_platform.settings import PROJECT_ROOT

FLOW = "The import direction follows the flow"


def test_each_module_of_xray_has_its_place_in_the_layers() -> None:
    tools = tomllib.loads((PROJECT_ROOT / "pyproject.toml").read_text())["tool"]
    (flow,) = (one for one in tools["importlinter"]["contracts"] if one["name"] == FLOW)
    layers = [re.findall(r"xray\.(\w+)", layer) for layer in flow["layers"]]
    folder = PROJECT_ROOT / "ml_platform" / "xray"
    modules = {path.stem for path in folder.glob("[a-z]*.py")}
    modules |= {path.parent.name for path in folder.glob("*/__init__.py")}
    named = [name for layer in layers for name in layer]
    assert layers[:2] == [[], ["pages"]]
    assert sorted(named) == sorted(modules)
