"""Asks the fork server of a local Ray for a process, and stands in for it.

    python fork_client.py -m module argument…        a driver
    python fork_client.py [Ray's options] default_worker.py argument…      a worker of Ray's

Importing torch and what Ray Train needs costs each process seconds of a CPU, and a training has
five of them. The server has imported it and forks; this process waits for the fork, passes signals
on, and ends with its exit code. Where the server does not answer, or Ray wants more than variables
set, it becomes what it would have been without us. Only the standard library: it starts in 30 ms.
"""

# ruff: noqa: PTH109, PTH118, PTH120

import contextlib
import json
import os
import signal
import socket
import sys
from typing import Any, NoReturn

SOCKET_VARIABLE = "ML_PLATFORM_FORK_SERVER"
HEADER_BYTES = 8
CONTEXT_OPTION = "--serialized-runtime-env-context="
LANGUAGE_OPTION = "--language="


def main(arguments: list[str]) -> int:
    """Run what `arguments` name in a fork of the server; returns its exit code."""
    wanted = driver(arguments) if arguments[:1] == ["-m"] else ray_worker(arguments)
    if wanted is None or (server := connect()) is None:
        cold(arguments)
    return stand_in(server, wanted)


def driver(arguments: list[str]) -> dict[str, object]:
    """What to run for `-m module argument…`."""
    return {"module": arguments[1], "argv": arguments[1:], "env": dict(os.environ)}


def ray_worker(arguments: list[str]) -> dict[str, object] | None:
    """What to run for a worker of Ray's; None where its environment needs more than variables."""
    context: dict[str, Any] = {}
    language, left = "PYTHON", []
    for argument in arguments:
        if argument.startswith(CONTEXT_OPTION):
            context = json.loads(argument[len(CONTEXT_OPTION) :] or "{}")
        elif argument.startswith(LANGUAGE_OPTION):
            language = argument[len(LANGUAGE_OPTION) :]
        else:
            left.append(argument)
    variables = context.pop("env_vars", None) or {}
    plain = (
        language == "PYTHON"
        and context.pop("py_executable", None) in (None, sys.executable)
        and not any(context.values())
        and not any("$" in value for value in variables.values())  # Ray would fill these in
    )
    if not plain or not left:
        return None
    return {"path": left[0], "argv": left, "env": {**os.environ, **variables}}


def connect() -> socket.socket | None:
    """The server, which may still be importing; None, and a line on stderr, if it is gone."""
    path = os.environ.get(SOCKET_VARIABLE, "")
    server = socket.socket(socket.AF_UNIX)
    try:
        server.connect(path)
    except OSError as error:
        server.close()
        sys.stderr.write(f"no fork server at {path!r} ({error}): imports anew, which is slower\n")
        return None
    return server


def cold(arguments: list[str]) -> NoReturn:
    """Become what this process would have been without a server."""
    if arguments[:1] != ["-m"]:
        worker = next(one for one in arguments if one.endswith(".py"))
        arguments = [os.path.join(os.path.dirname(worker), "setup_worker.py"), *arguments]
    os.execv(sys.executable, [sys.executable, *arguments])


def stand_in(server: socket.socket, wanted: dict[str, object]) -> int:
    """Hand over what is wanted, wait for its end, and pass signals on meanwhile."""
    send_message(server, {**wanted, "cwd": os.getcwd()}, [0, 1, 2])
    early: list[int] = []
    handled = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2)
    for number in handled:
        signal.signal(number, lambda sent, _: early.append(sent))
    answers = server.makefile("r")
    pid = answers.readline()
    if not pid:
        return 1  # the server is gone, and with it its forks
    for number in handled:
        signal.signal(number, lambda sent, _: send(int(pid), sent))
    for sent in early:
        send(int(pid), sent)
    code = int(answers.readline() or -signal.SIGKILL)
    if code < 0:  # end the way the fork did, so that who waits for us sees the same
        signal.signal(-code, signal.SIG_DFL) if -code not in (
            signal.SIGKILL,
            signal.SIGSTOP,
        ) else None
        os.kill(os.getpid(), -code)
    return code


def send_message(channel: socket.socket, content: dict[str, object], files: list[int]) -> None:
    """Send `content` and open files, for `receive_message`."""
    message = json.dumps(content).encode()
    socket.send_fds(channel, [len(message).to_bytes(HEADER_BYTES, "big")], files)
    channel.sendall(message)


def receive_message(channel: socket.socket, count: int) -> tuple[dict[str, Any], list[int]]:
    """What `send_message` sent: the content and `count` open files.

    Raises:
        ValueError: the other end left, or sent something else.
    """
    header, files, _, _ = socket.recv_fds(channel, HEADER_BYTES, count)
    size, content = int.from_bytes(header, "big"), b""
    while len(content) < size:
        part = channel.recv(size - len(content))
        if not part:
            break
        content += part
    if len(files) != count or len(content) != size or not size:
        for file in files:
            os.close(file)
        raise ValueError(f"wanted a message and {count} files, found {len(files)}")
    return json.loads(content), files


def send(pid: int, number: int) -> None:
    """Signal the fork, if it is still there."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, number)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
