"""The command line: `greenlight`. The operator's door, and the way to try everything on an own machine."""

import asyncio
import re
import signal
import sys
from collections.abc import Awaitable, Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Annotated, Any, NoReturn, TypeVar
from uuid import uuid4

import asyncpg
import typer
from pydantic import TypeAdapter, ValidationError
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bar
from rich.table import Table

from events.envelope import CannotTake, reason
from events.ids import Slug
from events.team import Role
from projections import PROJECTIONS
from projections import rebuild as rebuilding
from projections.rebuild import Rebuilt
from projections.runner import Progress
from service import api_keys, demo, documents, serving, verify
from service.app import now, opened
from service.database import CannotConnect, SchemaIsBehind
from service.database import migrate as migrate_to_head
from service.deciders.command import Command
from service.deciders.company import OPERATOR, AdmitMember, DismissMember, FoundCompany, ReinstateMember, SuspendMember
from service.deciders.company import Company as CompanyState
from service.deciders.refusal import Refusal
from service.deciders.team import Appoint
from service.directory import By
from service.embedded import SCRIPT, Unavailable, running
from service.handling import Wish
from service.identity import end_all
from service.oidc import AlreadyLinked
from service.readers import CannotMakeReaders, Readers, owning
from service.routes.access import Doors
from service.routes.commands import RESERVED, ended
from service.settings import Settings

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, help=__doc__)
token_app = typer.Typer(no_args_is_help=True, help="Bearer tokens, each standing for a person of a company.")
person_app = typer.Typer(no_args_is_help=True, help="Names and addresses of people, beside the log.")
vendor_app = typer.Typer(no_args_is_help=True, help="Names of vendors, beside the log.")
company_app = typer.Typer(no_args_is_help=True, help="Companies and their members.")
reader_app = typer.Typer(no_args_is_help=True, help="Logins for dashboards, each reading the views of one company.")
key_app = typer.Typer(no_args_is_help=True, help="API keys: systems that log and propose for a person.")
identity_app = typer.Typer(
    no_args_is_help=True, help="Subjects of an OpenID Connect provider, and whom they stand for."
)
app.add_typer(token_app, name="token")
app.add_typer(key_app, name="key")
app.add_typer(identity_app, name="identity")
app.add_typer(company_app, name="company")
app.add_typer(person_app, name="person")
app.add_typer(vendor_app, name="vendor")
app.add_typer(reader_app, name="reader")

T = TypeVar("T")

Company = Annotated[str, typer.Argument(help="The company's slug, such as acme.")]
Person = Annotated[str, typer.Argument(help="The person's id; opaque ids keep names out of the log.")]
Vendor = Annotated[str, typer.Argument(help="The vendor's id, such as kala-sets.")]


@dataclass(frozen=True, slots=True)
class Addresses:
    """A database as its two roles; the owner's is not always at hand."""

    service: str
    owner: str | None
    #: The folder of an embedded one.
    data: Path | None = None


def environment() -> Settings:
    """What the operator set."""
    try:
        return Settings()
    except ValidationError as error:
        fail(f"The environment cannot be used: {'; '.join(_said(each) for each in error.errors())}", 2)


def _said(error: Any) -> str:
    said = str(error["msg"]).removeprefix("Value error, ")
    return ": ".join([*map(str, error["loc"]), said])


@contextmanager
def database() -> Iterator[Addresses]:
    """The database of the environment, or an embedded one, migrated, for as long as the block lasts."""
    settings = environment()
    if settings.database_url is not None:
        owner = settings.migration_database_url
        yield Addresses(settings.database_url.get_secret_value(), owner.get_secret_value() if owner else None)
        return
    with running(settings.data) as server:
        asyncio.run(migrate_to_head(server.owner_url, server.admin_url))
        yield Addresses(server.service_url, server.owner_url, settings.data)


@contextmanager
def owned(what: str) -> Iterator[str]:
    """The database as its owner: MIGRATION_DATABASE_URL, or the embedded one, migrated."""
    settings = environment()
    if settings.migration_database_url is not None:
        yield settings.migration_database_url.get_secret_value()
    elif settings.database_url is not None:
        fail(f"{what} the database's owner: set MIGRATION_DATABASE_URL.", 2)
    else:
        with running(settings.data) as server:
            asyncio.run(migrate_to_head(server.owner_url, server.admin_url))
            yield server.owner_url


def fail(reason: str, code: int = 1) -> NoReturn:
    """Say why on the terminal's error stream, and leave."""
    typer.echo(reason, err=True)
    raise typer.Exit(code)


def with_doors(work: Callable[[Doors], Awaitable[T]]) -> T:
    """Do something behind the doors, without serving."""

    async def inside(url: str) -> T:
        async with opened(url, pool_size=4, project=False) as doors:
            return await work(doors)

    with database() as addresses:
        try:
            return asyncio.run(inside(addresses.service))
        except Refusal as refusal:
            fail(f"{refusal} {refusal.advice()}")


def checked(value: str) -> str:
    """The value as a slug."""
    try:
        slug: str = TypeAdapter(Slug).validate_python(value)
    except ValidationError:
        fail(f"{value!r} is not a slug: use a-z, 0-9 and single hyphens, beginning with a letter.", 2)
    if slug in RESERVED:
        fail(f"{slug} is a word that addresses use; choose another.", 2)
    return slug


@app.command()
def serve(
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port to listen on.")] = 8000,
    demonstrate: Annotated[bool, typer.Option("--demo", help="Play the first acts of a demonstration.")] = False,
    projections: Annotated[
        bool, typer.Option("--projections/--no-projections", help="Keep the read models current here, or elsewhere.")
    ] = True,
) -> None:
    """Serve HTTP until Ctrl-C or SIGTERM; with an embedded PostgreSQL when DATABASE_URL is not set."""
    settings, started = environment(), demo.first_acts if demonstrate else None
    with database() as addresses:
        asyncio.run(
            serving.serve(
                addresses.service,
                host,
                port,
                started,
                project=projections,
                settings=settings,
                embedded=addresses.data,
            )
        )


@app.command()
def project() -> None:
    """Keep the read models current until Ctrl-C or SIGTERM, without serving; any number may stand by."""
    with database() as addresses:
        asyncio.run(serving.project(addresses.service, addresses.data))


async def _tried_again(names: list[str], doors: Doors) -> list[Progress]:
    """How read models stand, once those of the names that had stopped may be tried again."""
    stopped = [each.projection for each in await doors.runner.progress(1) if each.error]
    for name in names:
        if name in stopped:
            await doors.runner.retry(name)
            typer.echo(f"{name} is tried again by whoever keeps it: look once more in a moment.")
        else:
            typer.echo(f"{name} had not stopped.")
    return await doors.runner.progress()


@app.command("projections")
def show_projections(
    retry: Annotated[
        list[str] | None, typer.Option(help="A read model that stopped, to be tried again by its holder; or `all`.")
    ] = None,
) -> None:
    """Show how far each read model is, who keeps it, and why one stopped; exit 1 when one has."""
    names = [each.name for each in PROJECTIONS]
    again = names if "all" in (retry or []) else retry or []
    for unknown in (name for name in again if name not in names):
        fail(f"There is no read model {unknown}; there are {', '.join(names)}.", 2)

    found = with_doors(partial(_tried_again, again))
    table = Table("read model", "state", "position", "behind", "rebuilt", "kept by", box=None)
    for each in found:
        behind = "" if each.events is None else f"{each.events} events, {each.seconds or 0:.1f} s"
        rebuilt = "" if each.rebuilt is None else f"{'' if each.rebuilding else 'broken off at '}{each.rebuilt:.0%}"
        state, holder = each.error or each.state, each.holder or "nobody"
        table.add_row(each.projection, state, str(each.position), behind, rebuilt, holder)
    Console(width=None if sys.stdout.isatty() else 200).print(table)
    if broken_off := [each.projection for each in found if each.rebuilt is not None and not each.rebuilding]:
        one = f" {broken_off[0]}" if len(broken_off) == 1 else ""
        typer.echo(f"A rebuild is not done; this goes on with it, or tells what is in its way: greenlight rebuild{one}")
    if any(each.error for each in found):
        raise typer.Exit(1)


@app.command("demo")
def play() -> None:
    """Play the whole walk on a database of its own, telling every step; anything unexpected exits non-zero."""
    raise typer.Exit(demo.main())


@app.command()
def migrate() -> None:
    """Bring the schema up to date, as the owner: MIGRATION_DATABASE_URL, or the embedded database."""
    with owned("Migrations run as") as url:
        try:
            asyncio.run(migrate_to_head(url))
        except PermissionError as error:
            fail(str(error), 2)
    typer.echo("The schema is up to date.")


@app.command()
def roles() -> None:
    """Print the SQL that makes the database's roles; a superuser runs it, as often as wanted."""
    typer.echo(SCRIPT.read_text(), nl=False)


@app.command()
def rebuild(
    projection: Annotated[str | None, typer.Argument(help="One read model; all of them without it.")] = None,
    replace: Annotated[bool, typer.Option("--replace", help="Also rows that say something else than the log.")] = False,
) -> None:
    """Fold the read models again from the log; readers see the old rows until the new ones take their place.

    Broken off, it goes on where it was when it is called again. When the new rows add up to something else than the
    old ones, it tells what and replaces nothing: look, then call it with --replace.
    """
    chosen = [each for each in PROJECTIONS if projection in (None, each.name)]
    if not chosen:
        fail(f"There is no read model {projection}; there are {', '.join(p.name for p in PROJECTIONS)}.", 2)

    again = " ".join(["greenlight rebuild", *([projection] if projection else [])])

    async def fold(doors: Doors) -> Rebuilt:
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        with Bar(*columns, console=Console(stderr=True)) as bar:
            task = bar.add_task("copying", total=None)

            def told(made: rebuilding.Progress) -> None:
                doing = "copying" if made.position is None else "catching up"
                bar.update(task, description=doing, completed=made.folded, total=made.events)

            return await rebuilding.rebuild(doors.database.work, chosen, told, replace_different=replace)

    try:
        rebuilt = with_doors(fold)
    except (rebuilding.UnderWay, rebuilding.NewerCode) as error:
        fail(str(error))
    except KeyboardInterrupt:
        fail(f"Broken off; the read models stay as they were. The rebuild goes on where it was with: {again}", 130)
    except rebuilding.Differs as error:
        _tell(error.differences)
        fail(f"The live rows are not what the log adds up to, and stay. To replace them: {again} --replace")
    except (rebuilding.Incomplete, CannotTake, OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        said = error if isinstance(error, CannotTake) else reason(error)
        fail(f"The read models stay as they were: {said}\nCalled again, the rebuild goes on.")
    typer.echo(
        f"{', '.join(each.name for each in chosen)}: made anew from {rebuilt.events} events,"
        f" at position {rebuilt.position}."
    )
    _tell(rebuilt.differences)


def _tell(differences: Iterable[rebuilding.Difference]) -> None:
    for each in differences:
        typer.echo(f"{each.table}, {each.what}: {each.live:f} live, {each.rebuilt:f} made anew.")


@app.command("verify")
def verify_chain(
    stream: Annotated[str | None, typer.Argument(help="Such as acme/the-long-take; all without it.")] = None,
    expect: Annotated[str | None, typer.Option(help="VERSION:LINK that someone outside holds.")] = None,
) -> None:
    """Walk the chain of links and what is kept by it; exit 0 when all holds, 1 with what does not, 2 on no walk."""
    held = None if expect is None else _held(stream, expect)

    async def walk(doors: Doors) -> list[str]:
        async with doors.database.work.acquire() as connection:
            verdicts = [verdict async for verdict in verify.verify(connection, stream)]
            for verdict in verdicts:
                told = verdict.broken or f"{verdict.events} events hold, link {verdict.link.hex()}"
                typer.echo(f"{verdict.stream_id}: {told}")
            checked = [each async for each in documents.check(connection, stream)]
            wrong = None if held is None else await verify.expected(connection, *held)
        for each in checked:
            typer.echo(f"{each.stream_id}: {each.broken or f'{each.report} is kept as it was issued'}")
        if not verdicts and wrong is None:
            fail(f"There is no stream {stream}." if stream else "The log is empty.", 2)
        if held is not None:
            typer.echo(f"{held[0]}: {wrong or f'version {held[1]} is the one that was held outside'}")
        found = (*(verdict.broken for verdict in verdicts), *(each.broken for each in checked), wrong)
        return [broken for broken in found if broken]

    try:
        broken = with_doors(walk)
    except (OSError, asyncpg.PostgresError) as error:
        fail(f"The chain could not be walked: {error}", 2)
    typer.echo(verify.CANNOT_SHOW)
    if broken:
        raise typer.Exit(1)


def _held(stream: str | None, expect: str) -> tuple[str, int, str]:
    """The stream, version and link that someone outside holds."""
    version, _, link = expect.partition(":")
    if stream is None or not version.isdigit() or len(link) != 64:
        fail("--expect VERSION:LINK needs a stream, a version and a link of 64 hexadecimal digits.", 2)
    return stream, int(version), link


def operate(company: str, command: Command, production: str | None = None) -> None:
    """Send a command as the operator, and tell what it led to."""

    async def send(doors: Doors) -> None:
        wish = Wish(company, production, command, OPERATOR, f"cli-{uuid4()}", uuid4(), "cli")
        answer = await doors.handling.handle(wish)
        if isinstance(command, DismissMember):
            await ended(doors, company, command.person)
        for happened in answer.events:
            typer.echo(f"{answer.stream_id} version {happened.version}: {type(happened.event).__name__}")
        if not answer.events:
            typer.echo("Nothing to do: it is so already.")

    with_doors(send)


def wished(model: type[Command], **fields: Any) -> Command:
    """The command, or what is wrong with its fields."""
    try:
        return model(**fields)
    except ValidationError as error:
        fail("; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors()), 2)


@company_app.command()
def found(company: Company, name: Annotated[str, typer.Option(help="As it signs.")]) -> None:
    """Found a company."""
    operate(checked(company), wished(FoundCompany, name=name))


@company_app.command()
def admit(
    company: Company,
    person: Person,
    name: Annotated[str | None, typer.Option(help="For the directory of people.")] = None,
    administrator: Annotated[
        bool | None, typer.Option("--administrator/--no-administrator", help="May admit and dismiss members.")
    ] = None,
    may_open_productions: Annotated[
        bool | None, typer.Option("--may-open-productions/--may-not-open-productions", help="Left out: as it is.")
    ] = None,
    reads_confidential: Annotated[
        bool | None,
        typer.Option("--reads-confidential/--no-reads-confidential", help="Reads pay and the accounts above the line."),
    ] = None,
    guest_of: Annotated[str | None, typer.Option(help="Of a guest, the company that they come from.")] = None,
) -> None:
    """Admit a member or a guest, or change a member's rights."""
    rights = {
        "administrator": administrator,
        "may_open_productions": may_open_productions,
        "reads_confidential": reads_confidential,
        "guest_of": guest_of,
    }
    operate(checked(company), wished(AdmitMember, person=person, name=name, **rights))


@company_app.command()
def dismiss(company: Company, person: Person, reason: Annotated[str | None, typer.Option(help="Why.")] = None) -> None:
    """Dismiss a member; their tokens stop working."""
    operate(checked(company), wished(DismissMember, person=person, reason=reason))


@company_app.command()
def suspend(company: Company, person: Person, reason: Annotated[str | None, typer.Option(help="Why.")] = None) -> None:
    """Suspend a member: no token lets them in until they are reinstated."""
    operate(checked(company), wished(SuspendMember, person=person, reason=reason))


@company_app.command()
def reinstate(
    company: Company, person: Person, reason: Annotated[str | None, typer.Option(help="Why.")] = None
) -> None:
    """Reinstate a suspended member, with the rights and roles they have."""
    operate(checked(company), wished(ReinstateMember, person=person, reason=reason))


@company_app.command("executive-producer")
def appoint_executive_producer(
    company: Company,
    production: Annotated[str, typer.Argument(help="The production's name in the company.")],
    person: Person,
    reason: Annotated[str, typer.Option(help="Why; kept in the audit trail and told in the exceptions.")],
) -> None:
    """Give a production a new executive producer when all of them have left the company (T5)."""
    since = now().date() - timedelta(days=1)  # where the production is, it may be a day earlier
    command = wished(Appoint, person=person, role=Role.EXECUTIVE_PRODUCER, from_on=since, reason=reason)
    operate(checked(company), command, checked(production))


async def _insist_on_company(doors: Doors, company: str) -> CompanyState:
    members = await doors.handling.company(company)
    if members is None:
        fail(f"There is no company {company}.")
    return members


async def _insist_on_member(doors: Doors, company: str, person: str) -> None:
    members = await _insist_on_company(doors, company)
    if not members.is_member(person):
        fail(f"{person} is not a member of {company}; admit them first: greenlight company admit.")


@person_app.command("name")
def name_person(
    company: Company,
    person: Person,
    name: Annotated[str, typer.Argument(help="As they sign.")],
    email: Annotated[str | None, typer.Option(help="Where they are written to; left out: as it is.")] = None,
) -> None:
    """Enter or correct a person's name and address."""
    given = wished(AdmitMember, person=person, name=name)
    assert isinstance(given, AdmitMember)
    if email is not None and not re.fullmatch(r"[^@\s]{1,64}@[^@\s]{1,190}", email):
        fail(f"{email!r} is no address of e-mail.", 2)

    async def enter(doors: Doors) -> None:
        await _insist_on_company(doors, company)
        if not await doors.directory.name_person(company, person, str(given.name), email, by=by_operator()):
            fail(f"{person} was erased, and no name comes back to that id; admit them under another one.")

    with_doors(enter)
    typer.echo(f"{person} of {company} is {given.name}.")


@person_app.command("list")
def list_people(company: Company) -> None:
    """List the people of a company's directory."""

    async def people(doors: Doors) -> None:
        for person, name, email, erased_at in await doors.directory.of(company):
            typer.echo(f"{person}  {f'erased {erased_at}' if name is None else name}{f'  {email}' if email else ''}")

    with_doors(people)


@person_app.command("erase")
def erase_person(company: Company, person: Person) -> None:
    """Erase a person's name and address for good, and end what lets them in; every figure and the chain stay."""

    async def erase(doors: Doors) -> None:
        await _insist_on_company(doors, company)
        by = by_operator()
        await doors.directory.erase(company, person, by)
        await end_all(doors.database.pool, company, person, by.at)

    with_doors(erase)
    typer.echo(f"{person} of {company} is erased from the directory; the log holds their id alone.")


@vendor_app.command("name")
def name_vendor(company: Company, vendor: Vendor, name: Annotated[str, typer.Argument(help="As it trades.")]) -> None:
    """Correct a vendor's name."""

    async def enter(doors: Doors) -> None:
        if not await doors.directory.name_vendor(company, vendor, name, by_operator()):
            fail(f"{company} knows no vendor {vendor}, or it was erased.")

    with_doors(enter)
    typer.echo(f"{vendor} of {company} is {name}.")


@vendor_app.command("list")
def list_vendors(company: Company) -> None:
    """List the vendors of a company's directory."""

    async def vendors(doors: Doors) -> None:
        for vendor, name in await doors.directory.vendors_of(company):
            typer.echo(f"{vendor}  {'erased' if name is None else name}")

    with_doors(vendors)


@vendor_app.command("erase")
def erase_vendor(company: Company, vendor: Vendor) -> None:
    """Erase a vendor's name for good, as of a person who trades; every figure and the chain stay as they are."""

    async def erase(doors: Doors) -> None:
        if not await doors.directory.erase_vendor(company, vendor, by_operator()):
            fail(f"{company} knows no vendor {vendor}.")

    with_doors(erase)
    typer.echo(f"{vendor} of {company} is erased from the directory; the log holds its id alone.")


def by_operator() -> By:
    """Who changes the directory here, and when."""
    return By(OPERATOR, now())


async def _noted(doors: Doors, company: str | None, what: str, about: str) -> bool:
    """Keep that the operator ended something, if there was one."""
    if company is not None:
        await doors.directory.changed(company, what, about, by_operator())
    return company is not None


@token_app.command("create")
def create_token(
    company: Company,
    person: Person,
    hours: Annotated[float, typer.Option(min=0.001, max=8784, help="How long it lasts.")] = 8,
) -> None:
    """Create a token for a member; its secret is shown this once."""

    async def create(doors: Doors) -> tuple[str, str]:
        await _insist_on_member(doors, company, person)
        return await doors.tokens.create(company, person, now(), timedelta(hours=hours))

    token_id, secret = with_doors(create)
    typer.echo(f"{token_id} for {person} of {company}, {hours:g} hours", err=True)
    typer.echo(secret)


@token_app.command("list")
def list_tokens(company: Company) -> None:
    """List a company's tokens, without their secrets."""

    async def tokens(doors: Doors) -> None:
        for each in await doors.tokens.of(company):
            until = f"revoked {each.revoked_at}" if each.revoked_at else f"expires {each.expires_at}"
            typer.echo(f"{each.token_id}  {each.person}  created {each.created_at}  {until}")

    with_doors(tokens)


@token_app.command("revoke")
def revoke_token(token: Annotated[str, typer.Argument(help="Its id, such as T-1a2b3c4d.")]) -> None:
    """End a token at once."""

    async def revoke(doors: Doors) -> bool:
        return await _noted(doors, await doors.tokens.revoke(token, now()), "token revoked", token)

    if not with_doors(revoke):
        fail(f"There is no token {token} that could be revoked.")
    typer.echo(f"{token} is revoked.")


def with_readers(work: Callable[[Readers], Awaitable[T]]) -> T:
    """Do something to the readers' logins, as the database's owner."""

    async def inside(url: str) -> T:
        async with owning(url) as readers:
            return await work(readers)

    with owned("Readers are made by") as url:
        try:
            return asyncio.run(inside(url))
        except CannotMakeReaders as error:
            fail(str(error))
        except OSError as error:
            fail(f"The database does not answer: {error}")


@reader_app.command("create")
def create_reader(
    company: Company,
    confidential: Annotated[
        bool, typer.Option("--confidential", help="Reads pay and the accounts above the line, too.")
    ] = False,
) -> None:
    """Create a login for dashboards that reads one company; its address and password are shown this once."""
    address = with_readers(lambda readers: readers.create(checked(company), confidential=confidential))
    but = "" if confidential else ", without pay and the accounts above the line"
    typer.echo(f"Reads the views of the schema bi for {company}{but}, and nothing else; in READ COMMITTED.", err=True)
    typer.echo(address)


@reader_app.command("list")
def list_readers(company: Annotated[str | None, typer.Argument(help="All companies without it.")] = None) -> None:
    """List the logins of readers, the company of each, and who reads what is confidential."""
    for login, whose, confidential in with_readers(lambda readers: readers.of(company)):
        typer.echo(f"{login}  {whose}{'  confidential' if confidential else ''}")


@reader_app.command("drop")
def drop_reader(login: Annotated[str, typer.Argument(help="Such as greenlight_reader_1a2b3c4d.")]) -> None:
    """Drop a reader's login; a session it has open sees nothing more."""
    if not with_readers(lambda readers: readers.drop(login)):
        fail(f"There is no reader {login}.")
    typer.echo(f"{login} is dropped.")


@key_app.command("create")
def create_key(
    company: Company,
    owner: Annotated[str, typer.Argument(help="The member who answers for it; it has no right that they have not.")],
    scope: Annotated[
        list[str], typer.Option(help=f"What it may do; may be said again: {', '.join(sorted(api_keys.SCOPES))}.")
    ],
    days: Annotated[int, typer.Option(min=1, max=api_keys.DAYS_AT_MOST, help="How long it lasts.")] = 90,
) -> None:
    """Create an API key for a system; it is shown this once. No key can approve."""

    async def create(doors: Doors) -> tuple[str, str]:
        await _insist_on_member(doors, company, owner)
        try:
            return await doors.api_keys.create(company, owner, scope, now(), timedelta(days=days))
        except ValueError as error:
            fail(str(error), 2)

    key_id, key = with_doors(create)
    typer.echo(f"{key_id} of {owner} of {company}, {days} days: {', '.join(sorted(set(scope)))}", err=True)
    typer.echo(key)


@key_app.command("list")
def list_keys(company: Company) -> None:
    """List a company's API keys, without their secrets."""

    async def keys(doors: Doors) -> None:
        for each in await doors.api_keys.of(company):
            until = f"revoked {each.revoked_at}" if each.revoked_at else f"expires {each.expires_at}"
            typer.echo(f"{each.key_id}  {each.owner}  {', '.join(each.scopes)}  created {each.created_at}  {until}")

    with_doors(keys)


@key_app.command("revoke")
def revoke_key(key: Annotated[str, typer.Argument(help="Its id, such as K-1a2b3c4d.")]) -> None:
    """End an API key at once."""

    async def revoke(doors: Doors) -> bool:
        return await _noted(doors, await doors.api_keys.revoke(key, now()), "key revoked", key)

    if not with_doors(revoke):
        fail(f"There is no key {key} that could be revoked.")
    typer.echo(f"{key} is revoked.")


@identity_app.command("link")
def link_identity(
    company: Company,
    person: Person,
    subject: Annotated[str, typer.Argument(help="`sub` of the provider's tokens.")],
    issuer: Annotated[str | None, typer.Option(help="`iss` of its tokens; without it OIDC_ISSUER.")] = None,
) -> None:
    """Let a subject of the provider stand for a member."""
    of = issuer or environment().oidc_issuer
    if of is None:
        fail("Say which provider: --issuer, or OIDC_ISSUER.", 2)

    async def link(doors: Doors) -> str:
        await _insist_on_member(doors, company, person)
        try:
            return await doors.identities.link(company, person, of, subject, now())
        except ValueError as error:
            fail(str(error), 2)
        except AlreadyLinked:
            fail(f"{subject} of {of} stands for somebody; unlink it first: greenlight identity list, unlink.")

    typer.echo(f"{with_doors(link)}: {subject} of {of} is {person} of {company}.")


@identity_app.command("list")
def list_identities(company: Company) -> None:
    """List the subjects that stand, or stood, for a company's members."""

    async def identities(doors: Doors) -> None:
        for each in await doors.identities.of(company):
            until = f"  unlinked {each.unlinked_at}" if each.unlinked_at else ""
            subject = each.subject or "an erased subject"
            linked = f"linked {each.linked_at}{until}"
            typer.echo(f"{each.identity_id}  {each.person}  {subject} of {each.issuer}  {linked}")

    with_doors(identities)


@identity_app.command("unlink")
def unlink_identity(identity: Annotated[str, typer.Argument(help="Its id, such as I-1a2b3c4d.")]) -> None:
    """Let a subject stand for nobody, at once."""

    async def unlink(doors: Doors) -> bool:
        return await _noted(doors, await doors.identities.unlink(identity, now()), "sign-in unlinked", identity)

    if not with_doors(unlink):
        fail(f"There is no identity {identity} that could be unlinked.")
    typer.echo(f"{identity} is unlinked.")


def _leave(*_: Any) -> NoReturn:
    """A SIGTERM leaves through every block that is open, so that an embedded database is stopped too."""
    raise SystemExit(143)


def main() -> None:
    """Run the command line."""
    signal.signal(signal.SIGTERM, _leave)
    try:
        app()
    except KeyboardInterrupt:
        sys.exit(130)
    except (Unavailable, CannotConnect, CannotTake, SchemaIsBehind, serving.CannotListen, demo.Surprise) as error:
        typer.echo(str(error), err=True)
        sys.exit(2)
    except ConnectionError as error:
        typer.echo(f"The database was lost: {reason(error)}", err=True)
        sys.exit(2)


if __name__ == "__main__":
    main()
