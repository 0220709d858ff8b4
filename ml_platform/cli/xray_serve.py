"""`mlp xray serve`: X-Ray's pages in a browser."""

import time
from contextlib import suppress
from typing import Annotated, Final

import typer

from ml_platform.cli.helptext import help_of

GATHER_WITHIN_S: Final = 60.0
"""Each time; what is not gathered by then comes next time."""
HELP: Final = help_of(
    "mlp xray serve --port 9729",
    "Serve X-Ray's pages, and gather meanwhile.",
    "They are read on this machine alone. With [bold]--host[/] others may come, who log in with "
    "MLP_XRAY_TOKEN, or through a proxy that names them in the header MLP_XRAY_USER_HEADER. Who "
    "logs in with MLP_XRAY_OPERATOR_TOKEN, or is one of MLP_XRAY_OPERATORS, may stop and extend "
    "clusters there.",
)


def serve(
    port: Annotated[
        int | None,
        typer.Option(min=0, max=65_535, help="By default that of MLP_XRAY_URL; 0 for a free one."),
    ] = None,
    host: Annotated[str, typer.Option(help="Address of this machine to listen on.")] = "127.0.0.1",
) -> None:
    """Serve the pages until it is interrupted."""
    from ml_platform.cli.output import note
    from ml_platform.cli.reap import reap_now
    from ml_platform.cli.xray_store import known_prices, loud_findings
    from ml_platform.clusters.open import kuberay_config, open_interactive, open_provisioners
    from ml_platform.health.ports import xray_pages
    from ml_platform.settings import load_settings
    from ml_platform.xray.acts import ActLog
    from ml_platform.xray.budgets import budgets_of
    from ml_platform.xray.gather import Gathered, gather
    from ml_platform.xray.metrics import exposition, known
    from ml_platform.xray.pages.access import access_for
    from ml_platform.xray.pages.addresses import Others
    from ml_platform.xray.pages.app import make_app
    from ml_platform.xray.pages.cluster_acts import ClusterActs
    from ml_platform.xray.pages.gathering import Gathering
    from ml_platform.xray.pages.inventory import Inventory
    from ml_platform.xray.pages.serving import bind, keep_what_is_loaded, server_of
    from ml_platform.xray.pages.site import Site
    from ml_platform.xray.parallel import Deadline
    from ml_platform.xray.reaped import ReapedThisWeek
    from ml_platform.xray.store import open_store

    settings = load_settings()
    access = access_for(host, settings)
    budgets = budgets_of(settings).limits()
    prices, loud, reaped = known_prices(), loud_findings(), ReapedThisWeek(settings.storage_root)
    provisioners, log = open_provisioners(settings), ActLog(settings.storage_root)
    inventory = Inventory(provisioners, now=time.time)
    acts = ClusterActs(
        inventory,
        log,
        extend=open_interactive(settings).extend if kuberay_config(settings) else None,
        reap=lambda: reap_now(settings, provisioners, dry_run=False, tell=note),
        now=time.time,
    )
    with (
        bind(host, xray_pages(settings).port if port is None else port) as listening,
        open_store(settings) as store,
    ):

        def gather_new() -> Gathered:
            found = gather(store, settings.storage_root, deadline=Deadline(GATHER_WITHIN_S))
            for kept in (reaped, log):
                kept.look(now_s=time.time())
            return found

        with Gathering(gather_new) as gathering:

            def metrics() -> bytes:
                return exposition(
                    known(
                        store,
                        settings.storage_root,
                        prices=prices,
                        has_trouble=bool(gathering.trouble),
                        reaped=reaped.count,
                        now_s=time.time(),
                    )
                )

            site = Site(
                store=store,
                others=Others.of(settings),
                access=access,
                now=time.time,
                trouble=lambda: gathering.trouble,
                metrics=metrics,
                prices=prices,
                limits=budgets,
                loud=loud,
                inventory=inventory,
                acts=acts,
            )
            name = f"[{host}]" if ":" in host else host
            note(f"X-Ray: http://{name}:{listening.getsockname()[1]}  (Ctrl-C ends it)")
            server = server_of(make_app(site))
            keep_what_is_loaded()
            with suppress(KeyboardInterrupt):
                server.run(sockets=[listening])
