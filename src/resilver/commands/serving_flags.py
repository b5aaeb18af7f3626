"""The options that the commands of the service share; imported with the command line."""

from __future__ import annotations

from typing import Annotated

import typer

Database = Annotated[
    str | None,
    typer.Option(
        envvar="RESILVER_DATABASE",
        show_envvar=True,
        metavar="URL",
        help="postgresql://USER:PASSWORD@HOST/NAME or sqlite:///FILE.",
        show_default="a file in your data folder",
    ),
]
Storage = Annotated[
    str | None,
    typer.Option(
        envvar="RESILVER_STORAGE",
        show_envvar=True,
        metavar="PLACE",
        help="Folder of the photos, or a URL as of fsspec (s3://BUCKET/PREFIX).",
        show_default="a folder in your data folder",
    ),
]
MaxMegapixels = Annotated[
    float, typer.Option(min=0.001, metavar="N", help="Refuse photos larger than this.")
]
WebhookNetworks = Annotated[
    list[str] | None,
    typer.Option(metavar="CIDR", help="A private network that webhooks may reach; repeat."),
]
Slots = Annotated[
    int, typer.Option(min=1, max=256, metavar="N", help="Small photos in hand at once.")
]
Megapixels = Annotated[
    float, typer.Option(min=0.1, metavar="N", help="Megapixels of them in hand at once.")
]
