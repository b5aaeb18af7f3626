"""Commands of the service: serve, worker, and `resilver keys`."""

from __future__ import annotations

from typing import Annotated, Literal

import typer

from resilver.cli.app import app, keys_app, plain_errors
from resilver.commands import flags, serving_flags


@app.command()
def serve(
    *,
    host: Annotated[str, typer.Option(help="Address to listen at.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=1, max=65535)] = 8000,
    database: serving_flags.Database = None,
    storage: serving_flags.Storage = None,
    works: Annotated[
        bool,
        typer.Option("--work/--no-work", help="Restore photos in this process as well."),
    ] = True,
    public: Annotated[
        bool, typer.Option("--public", help="Take photos from people without a key, from anywhere.")
    ] = False,
    proxy: Annotated[
        str | None,
        typer.Option(metavar="IP", help="The reverse proxy whose X-Forwarded-For is believed."),
    ] = None,
    head_start: Annotated[
        float, typer.Option(min=0, max=720, metavar="HOURS", help="Of the fast lane.")
    ] = 6.0,
    keep: Annotated[
        float, typer.Option(min=0.01, metavar="HOURS", help="Results are deleted after so long.")
    ] = 24.0,
    max_megapixels: serving_flags.MaxMegapixels = 200.0,
    max_mb: Annotated[float, typer.Option(min=0.1, metavar="MB", help="Largest request.")] = 200.0,
    queued_per_owner: Annotated[
        int, typer.Option(min=1, metavar="N", help="Photos a guest may have waiting.")
    ] = 100,
    top_up_secret: Annotated[
        str | None,
        typer.Option(
            envvar="RESILVER_TOP_UP_SECRET",
            show_envvar=True,
            metavar="TEXT",
            help="Signs top-ups of credits; better set in the environment.",
        ),
    ] = None,
    webhook_network: serving_flags.WebhookNetworks = None,
    slots: serving_flags.Slots = 4,
    megapixels: serving_flags.Megapixels = 24.0,
    threads: flags.Threads = None,
) -> None:
    """Run the service: a queue, its HTTP API, and a worker (needs the extra 'serve')."""
    with plain_errors():
        from resilver.commands import serving

        settings = serving.settings(
            database=database,
            storage=storage,
            public=public,
            proxy=proxy,
            head_start_h=head_start,
            keep_h=keep,
            max_megapixels=max_megapixels,
            max_mb=max_mb,
            queued_per_owner=queued_per_owner,
            top_up_secret=top_up_secret,
            webhook_networks=tuple(webhook_network or ()),
            slots=slots,
            megapixels=megapixels,
            threads=threads,
        )
        raise typer.Exit(serving.serve(settings, host=host, port=port, works=works))


@app.command()
def worker(
    *,
    database: serving_flags.Database = None,
    storage: serving_flags.Storage = None,
    keep: Annotated[
        float, typer.Option(min=0.01, metavar="HOURS", help="As of the server.")
    ] = 24.0,
    max_megapixels: serving_flags.MaxMegapixels = 200.0,
    webhook_network: serving_flags.WebhookNetworks = None,
    slots: serving_flags.Slots = 4,
    megapixels: serving_flags.Megapixels = 24.0,
    threads: flags.Threads = None,
) -> None:
    """Restore the photos of a service, beside other workers (needs the extra 'serve')."""
    with plain_errors():
        from resilver.commands import serving

        settings = serving.settings(
            database=database,
            storage=storage,
            keep_h=keep,
            max_megapixels=max_megapixels,
            webhook_networks=tuple(webhook_network or ()),
            slots=slots,
            megapixels=megapixels,
            threads=threads,
        )
        raise typer.Exit(serving.work(settings))


@keys_app.command("create")
def keys_create(
    name: Annotated[str, typer.Argument(help="Whose it is, for your own list.")],
    *,
    lane: Annotated[Literal["free", "fast"], typer.Option(help="Where its photos wait.")] = "free",
    photos: Annotated[
        int | None,
        typer.Option(min=0, metavar="N", help="Credits; without: as many photos as it likes."),
    ] = None,
    queued: Annotated[
        int, typer.Option(min=1, metavar="N", help="Photos it may have waiting.")
    ] = 1000,
    queued_megapixels: Annotated[
        float, typer.Option(min=0.1, metavar="N", help="The same, in megapixels.")
    ] = 20_000.0,
    database: serving_flags.Database = None,
) -> None:
    """Make an API key, and show it this once."""
    with plain_errors():
        from resilver.commands import keys

        raise typer.Exit(
            keys.create(
                database,
                name,
                lane=lane,
                photos=photos,
                max_queued=queued,
                max_megapixels=queued_megapixels,
            )
        )


@keys_app.command("list")
def keys_list(database: serving_flags.Database = None) -> None:
    """List the API keys, without their secrets."""
    with plain_errors():
        from resilver.commands import keys

        raise typer.Exit(keys.list_keys(database))


@keys_app.command("revoke")
def keys_revoke(
    key: Annotated[str, typer.Argument(metavar="ID", help="As `keys list` shows it.")],
    database: serving_flags.Database = None,
) -> None:
    """Let an API key open nothing from now on."""
    with plain_errors():
        from resilver.commands import keys

        raise typer.Exit(keys.revoke(database, key))
