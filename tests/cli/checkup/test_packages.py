"""What doctor concludes from the versions that are installed."""

from packaging.requirements import Requirement

from distilray.cli.checkup.packages import STACK, check_versions, everything_asked

INSTALLED: dict[str, str | None] = dict.fromkeys(STACK, "1.0")


def test_a_version_that_another_package_refuses_is_named_with_who_refuses_it() -> None:
    asked = [("vllm", "torch", Requirement("torch==2.0")), ("trl", "torch", Requirement("torch>=1.0"))]
    findings = {finding.what: finding for finding in check_versions(INSTALLED, asked)}
    assert findings["torch"].mark == "stop"
    assert findings["torch"].remedy.startswith("vllm requires ==2.0: ")
    assert findings["ray"].mark == "ok"


def test_the_cpu_build_of_a_pinned_torch_is_the_pinned_torch() -> None:
    asked = [("distilray", "torch", Requirement("torch==2.13.0"))]
    findings = {finding.what: finding.mark for finding in check_versions({**INSTALLED, "torch": "2.13.0+cpu"}, asked)}
    assert findings["torch"] == "ok"


def test_a_missing_package_stops() -> None:
    findings = {finding.what: finding.mark for finding in check_versions({**INSTALLED, "trl": None}, [])}
    assert findings["trl"] == "stop"


def test_the_pins_come_from_the_metadata_of_distilray_and_of_ray() -> None:
    pins = {(asker, name, str(requirement.specifier)) for asker, name, requirement in everything_asked()}
    assert {name for asker, name, pin in pins if asker == "distilray" and "==" in pin} == set(STACK)
    assert {pin for _, name, pin in pins if name == "vllm" and "==" in pin} == {"==0.29.0"}
