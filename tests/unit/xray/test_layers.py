"""Of X-Ray the records stand on the ground floor, and all else just under the command line."""

import re
import tomllib

from ml_platform.settings import PROJECT_ROOT

FLOW = "The import direction follows the flow"


def test_each_module_of_xray_has_its_place_in_the_layers() -> None:
    tools = tomllib.loads((PROJECT_ROOT / "pyproject.toml").read_text())["tool"]
    (flow,) = (one for one in tools["importlinter"]["contracts"] if one["name"] == FLOW)
    layers = [re.findall(r"xray\.(\w+)", layer) for layer in flow["layers"]]
    xray = PROJECT_ROOT / "ml_platform" / "xray"
    packages = {path.parent.name for path in xray.glob("*/__init__.py")}
    modules = {path.stem for path in xray.glob("[a-z]*.py")} | packages
    assert layers[0] == []
    assert {*layers[1], "records", "samples"} == modules
