"""`python -m relying_party_demo.television`: the cinema on a television, in a terminal.

It has no keyboard: it shows a code, plain and as a QR code, and waits until somebody has answered in a browser.
"""

import io
import os

import click
import segno

from relying_party_demo.age_gate import Area, films_in
from relying_party_demo.configuration import ConfigurationError, read_device_configuration
from relying_party_demo.device_flow import Codes, DeviceFlow, Ended, Viewer
from relying_party_demo.languages import LANGUAGES, WORDS


@click.command()
@click.option("--language", type=click.Choice(list(LANGUAGES)), help="By default that of the environment (LANG).")
@click.option("--qr/--no-qr", default=True, show_default=True, help="Whether to show a QR code.")
def main(language: str | None, qr: bool) -> None:
    """Show what is on for whoever is in front of it; settings come from the environment, prefix DEMO_."""
    try:
        configuration = read_device_configuration(os.environ)
    except ConfigurationError as error:
        raise click.ClickException(str(error)) from error
    language = language or ("zh" if os.environ.get("LANG", "").startswith("zh") else "en")
    words, flow = WORDS[language], DeviceFlow(configuration)
    click.echo(f"\n  {configuration.name}\n")
    show_programme(Area.ANONYMOUS, language)
    try:
        codes = flow.begin(LANGUAGES[language])
        show_codes(codes, words, qr)
        viewer = flow.wait(codes)
    except Ended as ended:
        click.echo(f"\n  {words[ended.word]}\n")
        raise SystemExit(1) from ended
    show_viewer(viewer, words)
    show_programme(Area(viewer.age_band), language)


def show_codes(codes: Codes, words: dict[str, str], qr: bool) -> None:
    """What the person needs, and nothing of the device's own secret."""
    click.echo(f"  {words['tv_open']} {codes.verification_uri}")
    click.echo(f"  {words['tv_type']}\n\n      {codes.user_code}\n")
    if qr:
        drawn = io.StringIO()
        segno.make(codes.verification_uri_complete, micro=False).terminal(out=drawn, border=2, compact=True)
        click.echo(f"  {words['tv_scan']}\n")
        click.echo("\n".join(f"      {line}" for line in drawn.getvalue().splitlines()))
    click.echo(f"\n  {words['tv_waiting']}")


def show_viewer(viewer: Viewer, words: dict[str, str]) -> None:
    """Everything the app has been told."""
    click.echo(f"\n  {words['known']}:")
    click.echo(f"    {words['known_sub']}: {viewer.sub}")
    click.echo(f"    {words['known_band']}: {viewer.age_band}\n")


def show_programme(area: Area, language: str) -> None:
    """What is on in an area; what is not for a person is not listed either."""
    words = WORDS[language]
    click.echo(f"  {words[f'area_{area.value}']}")
    for film in films_in(area):
        click.echo(f"    * {film.title[language]}: {film.plot[language]}")
    click.echo()


if __name__ == "__main__":
    main()
