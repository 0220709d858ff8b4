"""`mlp xray trace`: a run as an OpenTelemetry trace, to a receiver or as it would be sent."""

import importlib.metadata
import time
from typing import Annotated, Final

import typer

from ml_platform.cli.helptext import help_of
from ml_platform.cli.xray_store import gathered_store

WITHIN_S: Final = 10.0
HELP: Final = help_of(
    "mlp xray trace RUN --to http://localhost:4318",
    "Send a run as an OpenTelemetry trace: its attempts, and the phases of each.",
    "Without [bold]--to[/], and without OTEL_EXPORTER_OTLP_ENDPOINT, it is printed as it would be "
    "sent. A run that is sent again has the same ids.",
)


def trace(
    what: Annotated[
        str, typer.Argument(metavar="RUN|MODEL", help="A run's id or its beginning, or a model.")
    ],
    partition: Annotated[
        str, typer.Argument(metavar="[PARTITION]", help="Of the model; its newest training.")
    ] = "",
    to: Annotated[
        str,
        typer.Option(
            help="Where OTLP is received over HTTP, without /v1/traces.",
            envvar="OTEL_EXPORTER_OTLP_ENDPOINT",
            show_default=False,
        ),
    ] = "",
    headers: Annotated[
        str,
        typer.Option(
            help="Sent along, as NAME=VALUE,NAME=VALUE.",
            envvar="OTEL_EXPORTER_OTLP_HEADERS",
            show_default=False,
        ),
    ] = "",
) -> None:
    """Send or print a run's trace."""
    from ml_platform.cli.output import TICK, print_json, say
    from ml_platform.settings import load_settings
    from ml_platform.xray.find import find_attempts
    from ml_platform.xray.judging import events_of
    from ml_platform.xray.traces import otlp_of, trace_of

    with gathered_store() as store:
        found = find_attempts(store, what, partition)
        made = trace_of(
            found,
            events_of(store, found),
            namespace=load_settings().namespace,
            now_s=time.time(),
        )
    body = otlp_of(made, version=importlib.metadata.version("ml_platform"))
    if not to:
        print_json(body)
        return
    _send(f"{to.rstrip('/')}/v1/traces", body, headers)
    say(TICK, f"sent trace {made.id} with {len(made.spans)} spans to {to}")


def _send(url: str, body: dict[str, object], headers: str) -> None:
    import httpx

    from ml_platform.errors import InputError, XrayError

    pairs = [one.partition("=") for one in headers.split(",") if one.strip()]
    if not all(equals and name.strip() for name, equals, _ in pairs):
        raise InputError(
            "the headers are not NAME=VALUE with commas between", hint="OTEL_EXPORTER_OTLP_HEADERS."
        )
    try:
        answer = httpx.post(
            url,
            json=body,
            headers={name.strip(): value.strip() for name, _, value in pairs},
            timeout=WITHIN_S,
        )
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise XrayError(
            f"{url} does not take the trace: {error}",
            hint="see whether OTLP over HTTP is received there; its usual port is 4318.",
        ) from error
    if answer.is_error:
        raise XrayError(
            f"{url} refuses the trace: {answer.status_code} {answer.text[:200]}",
            hint="it has to take OTLP as JSON; OTEL_EXPORTER_OTLP_HEADERS is sent along.",
        )
