"""The operator's door, as the operator uses it."""

import asyncio
import logging
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import asyncpg
import pytest

from projections import PROJECTIONS
from service import cli, demo, serving
from service.app import opened
from service.deciders.company import OPERATOR, DismissMember, FoundCompany
from service.embedded import SCRIPT, running
from service.handling import Wish
from service.rates import Limits
from service.settings import Settings
from tests.conftest import Urls, plain_logs
from tests.events.locks import blocked


@dataclass(frozen=True, slots=True)
class Ran:
    """What a command said and how it ended."""

    returncode: int
    stdout: str
    stderr: str


Greenlight = Callable[..., Ran]


@pytest.fixture
def greenlight(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Iterator[Greenlight]:
    """Run the command line; the database's owner is not at hand unless the environment says so."""

    def run(urls: Urls | None, *words: str, **environment: str) -> Ran:
        capsys.readouterr()
        for name in ("DATABASE_URL", "MIGRATION_DATABASE_URL"):
            monkeypatch.delenv(name, raising=False)
        named = {} if urls is None else {"DATABASE_URL": urls.service}
        for name, value in (named | environment).items():
            monkeypatch.setenv(name, value)
        monkeypatch.setattr("sys.argv", ["greenlight", *words])
        with pytest.raises(SystemExit) as left:
            cli.main()
        said = capsys.readouterr()
        return Ran(int(left.value.code or 0), said.out, said.err)

    yield run
    plain_logs()  # a process that serves sets up its logs, and this process goes on
    logging.getLogger().handlers.clear()


def as_superuser(url: str, *statements: str) -> None:
    async def execute() -> None:
        connection = await asyncpg.connect(url)
        for statement in statements:
            await connection.execute(statement)
        await connection.close()

    asyncio.run(execute())


@pytest.fixture
def founded(urls: Urls, greenlight: Greenlight) -> Urls:
    for words in (
        ("company", "found", "acme", "--name", "Acme Pictures"),
        ("company", "admit", "acme", "maya", "--name", "Maya Rao", "--administrator"),
    ):
        ran = greenlight(urls, *words)
        assert ran.returncode == 0, ran.stderr
    return urls


class TestCompany:
    def test_is_founded_once(self, greenlight: Greenlight, founded: Urls) -> None:
        again = greenlight(founded, "company", "found", "acme", "--name", "Acme Pictures")

        assert (again.returncode, again.stdout) == (0, "Nothing to do: it is so already.\n")

    @pytest.mark.parametrize(
        ("words", "said"),
        [
            (("found", "inbox", "--name", "X"), "inbox is a word that addresses use; choose another."),
            (("found", "Acme Co", "--name", "X"), "is not a slug"),
            (("found", "other", "--name", "\u202e"), "name: "),
            (("admit", "acme", "operator"), "operator is the actor of the command line and no person"),
            (("admit", "nobody-s", "maya"), "There is no such company."),
            (("dismiss", "acme", "zed"), "zed is not a member of the company."),
        ],
    )
    def test_refuses_in_words_what_cannot_be(
        self, greenlight: Greenlight, founded: Urls, words: tuple[str, ...], said: str
    ) -> None:
        ran = greenlight(founded, "company", *words)

        assert ran.returncode in (1, 2)
        assert said in ran.stderr
        assert "Traceback" not in ran.stderr

    def test_dismisses_members_and_with_them_their_tokens(self, greenlight: Greenlight, founded: Urls) -> None:
        admitted = greenlight(founded, "company", "admit", "acme", "ravi", "--reads-confidential")
        dismissed = greenlight(founded, "company", "dismiss", "acme", "ravi", "--reason", "Left the company.")
        token = greenlight(founded, "token", "create", "acme", "ravi")

        assert (admitted.returncode, admitted.stdout) == (0, "acme version 3: MemberAdmitted\n")
        assert (dismissed.returncode, dismissed.stdout) == (0, "acme version 4: MemberDismissed\n")
        assert (token.returncode, token.stdout) == (1, "")


class TestToken:
    def test_is_shown_once_listed_without_its_secret_and_revoked(self, greenlight: Greenlight, founded: Urls) -> None:
        created = greenlight(founded, "token", "create", "acme", "maya", "--hours", "1")
        secret, token_id = created.stdout.strip(), created.stderr.split()[0]
        listed = greenlight(founded, "token", "list", "acme").stdout
        revoked = greenlight(founded, "token", "revoke", token_id)
        again = greenlight(founded, "token", "revoke", token_id)

        assert re.fullmatch(r"glt_[A-Za-z0-9_-]{43}", secret)
        assert token_id in listed
        assert secret not in listed
        assert (revoked.returncode, revoked.stdout) == (0, f"{token_id} is revoked.\n")
        assert (again.returncode, again.stderr) == (1, f"There is no token {token_id} that could be revoked.\n")

    def test_is_for_members(self, greenlight: Greenlight, founded: Urls) -> None:
        ran = greenlight(founded, "token", "create", "acme", "bob")

        assert (ran.returncode, ran.stdout) == (1, "")
        assert "bob is not a member of acme; admit them first" in ran.stderr


class TestPerson:
    def test_is_named_listed_and_erased(self, greenlight: Greenlight, founded: Urls) -> None:
        named = greenlight(founded, "person", "name", "acme", "maya", "Maya R. Rao", "--email", "maya@acme.example")
        listed = greenlight(founded, "person", "list", "acme")
        erased = greenlight(founded, "person", "erase", "acme", "maya")
        after = greenlight(founded, "person", "list", "acme")

        assert (named.returncode, named.stdout) == (0, "maya of acme is Maya R. Rao.\n")
        assert "maya  Maya R. Rao  maya@acme.example" in listed.stdout
        assert erased.stdout.endswith("the log holds their id alone.\n")
        assert re.search(r"^maya  erased 20\d\d-", after.stdout, re.MULTILINE)
        assert "Maya" not in after.stdout
        assert greenlight(founded, "verify").returncode == 0

    @pytest.mark.parametrize(
        ("words", "said"),
        [
            (("name", "other", "maya", "Maya"), "There is no company other."),
            (("erase", "other", "maya"), "There is no company other."),
            (("name", "acme", "maya", "Maya", "--email", "maya at acme"), "'maya at acme' is no address of e-mail."),
            (("name", "acme", "maya", " "), "the text is blank"),
        ],
        ids=str,
    )
    def test_is_refused_in_words(
        self, greenlight: Greenlight, founded: Urls, words: tuple[str, ...], said: str
    ) -> None:
        ran = greenlight(founded, "person", *words)

        assert ran.returncode > 0
        assert said in ran.stderr
        assert "Traceback" not in ran.stderr


class TestReader:
    def test_is_made_listed_and_dropped_by_the_owner(self, greenlight: Greenlight, founded: Urls) -> None:
        owner = {"MIGRATION_DATABASE_URL": founded.owner}
        made = greenlight(founded, "reader", "create", "acme", **owner)
        login = re.fullmatch(r"postgresql://(greenlight_reader_[0-9a-f]{8}):[0-9a-f]{48}@\S+\n", made.stdout)
        assert login is not None
        listed = greenlight(founded, "reader", "list", **owner)
        others = greenlight(founded, "reader", "list", "other", **owner)
        dropped = greenlight(founded, "reader", "drop", login[1], **owner)
        again = greenlight(founded, "reader", "drop", login[1], **owner)

        assert (listed.stdout, others.stdout) == (f"{login[1]}  acme\n", "")
        assert "for acme, without pay and the accounts above the line, and nothing else" in made.stderr
        assert (dropped.returncode, dropped.stdout) == (0, f"{login[1]} is dropped.\n")
        assert (again.returncode, again.stderr) == (1, f"There is no reader {login[1]}.\n")

    def test_reads_what_is_confidential_when_the_owner_says_so(self, greenlight: Greenlight, founded: Urls) -> None:
        owner = {"MIGRATION_DATABASE_URL": founded.owner}
        made = greenlight(founded, "reader", "create", "acme", "--confidential", **owner)
        listed = greenlight(founded, "reader", "list", **owner)
        greenlight(founded, "reader", "drop", listed.stdout.split()[0], **owner)

        assert "without pay" not in made.stderr
        assert listed.stdout.split()[1:] == ["acme", "confidential"]

    def test_is_never_somebody_elses_login(self, greenlight: Greenlight, founded: Urls) -> None:
        ran = greenlight(founded, "reader", "drop", "greenlight_service", MIGRATION_DATABASE_URL=founded.owner)

        assert (ran.returncode, ran.stderr) == (1, "There is no reader greenlight_service.\n")

    @pytest.mark.parametrize(
        ("role", "company", "said"),
        [
            (None, "acme", "Readers are made by the database's owner: set MIGRATION_DATABASE_URL."),
            ("owner", "other", "There is no company other."),
            ("owner", "Acme Co", "is not a slug"),
            ("service", "acme", "Who makes readers owns the database and may create roles"),
        ],
    )
    def test_that_cannot_be_is_refused_in_words(
        self, greenlight: Greenlight, founded: Urls, role: str | None, company: str, said: str
    ) -> None:
        named = {} if role is None else {"MIGRATION_DATABASE_URL": getattr(founded, role)}
        ran = greenlight(founded, "reader", "create", company, **named)

        assert ran.returncode in (1, 2)
        assert said in ran.stderr
        assert "Traceback" not in ran.stderr


class TestKey:
    def create(self, greenlight: Greenlight, urls: Urls, *words: str, owner: str = "maya") -> Ran:
        return greenlight(urls, "key", "create", "acme", owner, *words)

    def test_is_shown_once_listed_without_its_secret_and_revoked(self, greenlight: Greenlight, founded: Urls) -> None:
        created = self.create(greenlight, founded, "--scope", "read", "--scope", "log-spend", "--days", "30")
        key, key_id = created.stdout.strip(), created.stderr.split()[0]
        listed = greenlight(founded, "key", "list", "acme").stdout
        revoked = greenlight(founded, "key", "revoke", key_id)
        again = greenlight(founded, "key", "revoke", key_id)

        assert re.fullmatch(r"glk_[0-9a-f]{8}_[0-9a-f]{72}", key)
        assert created.stderr == f"{key_id} of maya of acme, 30 days: log-spend, read\n"
        assert f"{key_id}  maya  log-spend, read  created" in listed
        assert key[13:] not in listed
        assert (revoked.returncode, revoked.stdout) == (0, f"{key_id} is revoked.\n")
        assert (again.returncode, again.stderr) == (1, f"There is no key {key_id} that could be revoked.\n")
        assert "  revoked " in greenlight(founded, "key", "list", "acme").stdout

    @pytest.mark.parametrize(
        ("words", "owner", "said"),
        [
            (("--scope", "approve"), "maya", "No key may approve; one may amend-commitment"),
            (("--scope", "read"), "bob", "bob is not a member of acme; admit them first"),
            (("--scope", "read", "--days", "366"), "maya", "equal to 365"),
            ((), "maya", "--scope"),
        ],
        ids=str,
    )
    def test_is_refused_in_words(
        self, greenlight: Greenlight, founded: Urls, words: tuple[str, ...], owner: str, said: str
    ) -> None:
        ran = self.create(greenlight, founded, *words, owner=owner)

        assert (ran.returncode > 0, ran.stdout) == (True, "")
        assert said in ran.stderr
        assert "Traceback" not in ran.stderr


def test_the_script_of_the_roles_is_printed_as_it_is(greenlight: Greenlight) -> None:
    assert greenlight(None, "roles").stdout == SCRIPT.read_text()


def test_a_folder_of_before_gets_the_roles_that_are_missing(greenlight: Greenlight, tmp_path: Path) -> None:
    new = "greenlight_migrator, greenlight_projector, greenlight_reader, greenlight_auditor"
    with running(tmp_path) as server:
        within = server.admin_url.removesuffix("postgres") + "greenlight"
        as_superuser(within, f"DROP OWNED BY {new}", f"DROP ROLE {new}", "ALTER ROLE greenlight_owner NOCREATEROLE")

    ran = greenlight(None, "migrate", GREENLIGHT_DATA=str(tmp_path))

    assert (ran.returncode, ran.stdout) == (0, "The schema is up to date.\n"), ran.stderr


class TestIdentity:
    def test_is_linked_listed_and_unlinked(self, greenlight: Greenlight, founded: Urls) -> None:
        named = {"OIDC_ISSUER": "https://sso.example", "OIDC_AUDIENCE": "greenlight"}
        linked = greenlight(founded, "identity", "link", "acme", "maya", "m-1", **named)
        identity = linked.stdout.split(":")[0]
        twice = greenlight(founded, "identity", "link", "acme", "maya", "m-1", "--issuer", "https://sso.example")
        listed = greenlight(founded, "identity", "list", "acme")
        unlinked = greenlight(founded, "identity", "unlink", identity)
        again = greenlight(founded, "identity", "unlink", identity)

        assert linked.stdout == f"{identity}: m-1 of https://sso.example is maya of acme.\n"
        assert (twice.returncode, "stands for somebody; unlink it first" in twice.stderr) == (1, True)
        assert f"{identity}  maya  m-1 of https://sso.example  linked " in listed.stdout
        assert (unlinked.returncode, unlinked.stdout) == (0, f"{identity} is unlinked.\n")
        assert (again.returncode, again.stdout) == (1, "")
        assert "  unlinked " in greenlight(founded, "identity", "list", "acme").stdout

    @pytest.mark.parametrize(
        ("words", "said"),
        [
            (("acme", "maya", "m-1"), "Say which provider: --issuer, or OIDC_ISSUER."),
            (("acme", "bob", "m-1", "--issuer", "https://sso.example"), "bob is not a member of acme"),
            (("acme", "maya", "m 1", "--issuer", "https://sso.example"), "255 signs of ASCII"),
            (("acme", "maya", "m-1", "--issuer", "sso.example"), "sso.example must be an https address"),
        ],
        ids=str,
    )
    def test_is_refused_in_words(
        self, greenlight: Greenlight, founded: Urls, words: tuple[str, ...], said: str
    ) -> None:
        ran = greenlight(founded, "identity", "link", *words)

        assert (ran.returncode > 0, ran.stdout) == (True, "")
        assert said in ran.stderr
        assert "Traceback" not in ran.stderr


class TestTheEnvironment:
    @pytest.mark.parametrize(
        ("environment", "said"),
        [
            ({"OIDC_ISSUER": "https://sso.example"}, "OIDC_ISSUER needs OIDC_AUDIENCE"),
            *(
                ({"DATABASE_URL": url}, "DATABASE_URL: send it as postgresql://user:password@host:5432/database")
                for url in (
                    *("garbage", " ", "mysql://a:b@h/x", "postgresql://u:p@h:notaport/x", "postgresql://u:p@h/"),
                    "postgresql+asyncpg://u:p@h/x",
                )
            ),
            (
                {"OIDC_ISSUER": "http://sso.example", "OIDC_AUDIENCE": "g"},
                "http://sso.example must be an https address",
            ),
            ({"GREENLIGHT_REQUESTS_A_SECOND": "many"}, "GREENLIGHT_REQUESTS_A_SECOND: "),
            ({"GREENLIGHT_FAILURES_A_MINUTE": "-1"}, "GREENLIGHT_FAILURES_A_MINUTE: "),
        ],
        ids=str,
    )
    def test_that_cannot_be_used_is_told_in_one_line(
        self, greenlight: Greenlight, urls: Urls, environment: dict[str, str], said: str
    ) -> None:
        ran = greenlight(urls, "serve", "--port", "0", **environment)

        assert ran.returncode == 2
        assert said in ran.stderr
        assert len(ran.stderr.splitlines()) == 1

    def test_limits_what_comes_unless_it_says_otherwise(self, monkeypatch: pytest.MonkeyPatch) -> None:
        assert Settings().limits == Limits(requests_a_second=600, failures_a_minute=30)
        monkeypatch.setenv("GREENLIGHT_REQUESTS_A_SECOND", "0")
        monkeypatch.setenv("GREENLIGHT_FAILURES_A_MINUTE", "0")
        assert Settings().limits == Limits()


class TestVerify:
    def test_of_an_empty_log_cannot_be_done(self, greenlight: Greenlight, urls: Urls) -> None:
        assert greenlight(urls, "verify").returncode == 2

    def test_of_what_holds_says_so_and_what_it_cannot_show(self, greenlight: Greenlight, founded: Urls) -> None:
        ran = greenlight(founded, "verify", "acme")

        assert ran.returncode == 0
        assert "acme: 2 events hold, link " in ran.stdout
        assert "What the chain cannot show by itself" in ran.stdout

    def test_compares_with_a_link_held_outside(self, greenlight: Greenlight, founded: Urls) -> None:
        link = greenlight(founded, "verify", "acme").stdout.split("link ")[1].split()[0]

        assert greenlight(founded, "verify", "acme", "--expect", f"2:{link}").returncode == 0
        assert greenlight(founded, "verify", "acme", "--expect", f"1:{link}").returncode == 1
        assert greenlight(founded, "verify", "acme", "--expect", f"3:{link}").returncode == 1
        assert greenlight(founded, "verify", "acme", "--expect", "two").returncode == 2

    def test_names_the_event_that_was_touched(self, greenlight: Greenlight, founded: Urls) -> None:
        as_superuser(
            founded.admin,
            "ALTER TABLE events DISABLE TRIGGER ALL",
            """UPDATE events SET payload = '{"name":"Evil Pictures"}' WHERE version = 1""",
        )

        ran = greenlight(founded, "verify")

        assert ran.returncode == 1
        assert "acme version 1, CompanyFounded" in ran.stdout


class TestServing:
    def test_on_a_port_that_is_taken_says_which_and_what_to_do(self, greenlight: Greenlight, founded: Urls) -> None:
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = taken.getsockname()[1]
            ran = greenlight(founded, "serve", "--port", str(port))

        assert ran.returncode == 2
        assert ran.stderr.startswith(f"Nothing can listen on 127.0.0.1:{port}: Address already in use. Choose another")

    async def test_the_demonstration_goes_on_without_those_who_left(
        self, urls: Urls, capsys: pytest.CaptureFixture[str]
    ) -> None:
        async with serving.served(urls.service, "127.0.0.1", 0) as (_, address, doors):
            await demo.first_acts(address, doors)
            first = capsys.readouterr().out
            gone = Wish(demo.COMPANY, None, DismissMember(person="ines"), OPERATOR, "gone", uuid4(), "cli")
            await doors.handling.handle(gone)
            await demo.first_acts(address, doors)
        second = capsys.readouterr().out

        assert ("export AUDITOR=" in first, "export AUDITOR=" in second) == (True, False)
        assert "export ACCOUNTANT=" in second


class TestSchema:
    def test_that_is_behind_is_told_in_one_line(self, greenlight: Greenlight, urls: Urls) -> None:
        as_superuser(urls.admin, "UPDATE alembic_version SET version_num = '0001'")

        ran = greenlight(urls, "serve", "--port", "0")

        assert ran.returncode == 2
        assert ran.stderr.startswith("The database is at revision 0001, but this version of Greenlight needs ")
        assert len(ran.stderr.splitlines()) == 1

    def test_is_migrated_by_its_owner(self, greenlight: Greenlight, urls: Urls) -> None:
        alone = greenlight(urls, "migrate")
        owned = greenlight(urls, "migrate", MIGRATION_DATABASE_URL=urls.owner)

        assert (alone.returncode, alone.stderr.split(":")[0]) == (2, "Migrations run as the database's owner")
        assert (owned.returncode, owned.stdout) == (0, "The schema is up to date.\n")


class TestProjections:
    def test_are_shown_with_what_they_have_yet_to_take_and_tried_again_when_asked(
        self, greenlight: Greenlight, founded: Urls
    ) -> None:
        never = greenlight(founded, "projections")
        greenlight(founded, "rebuild")
        as_superuser(
            founded.admin,
            "UPDATE checkpoints SET error = 'ZeroDivisionError: poison' WHERE projection IN ('flags', 'funding')",
        )
        as_superuser(founded.admin, "UPDATE checkpoints SET position = 0 WHERE projection = 'spend_register'")
        stopped = greenlight(founded, "projections")
        one = greenlight(founded, "projections", "--retry", "flags")
        mended = greenlight(founded, "projections", "--retry", "all", "--retry", "flags")
        unknown = greenlight(founded, "projections", "--retry", "nothing")

        assert never.stdout.count("building") == len(PROJECTIONS)
        assert stopped.returncode == 1
        assert "ZeroDivisionError: poison" in stopped.stdout
        assert re.search(r"spend_register +behind +0 +\d+ events, \d+\.\d s +nobody", stopped.stdout)
        assert (one.returncode, one.stdout.count("poison")) == (1, 1)
        assert (mended.returncode, "poison" in mended.stdout) == (0, False)
        assert unknown.returncode == 2

    async def test_are_kept_by_a_process_of_their_own(self, urls: Urls) -> None:
        async def follower() -> asyncio.subprocess.Process:
            return await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "service.cli", "project"),
                env=os.environ | {"DATABASE_URL": urls.service},
                stderr=asyncio.subprocess.DEVNULL,
            )

        first, second = await follower(), await follower()
        try:
            async with opened(urls.service, project=False) as doors:
                position = 0
                for kill in (None, first):
                    if kill is not None:
                        kill.kill()
                        await kill.wait()
                    founding = Wish(f"acme-{position}", None, FoundCompany(name="A"), OPERATOR, "k", uuid4(), "cli")
                    position = (await doors.handling.handle(founding)).position
                    for projection in PROJECTIONS:
                        assert await doors.runner.wait_for(projection.name, position, 60), projection.name
                assert len({each.holder for each in await doors.runner.progress()}) == 1
            second.terminate()
            assert await asyncio.wait_for(second.wait(), 60) == 0
        finally:
            for process in (first, second):
                if process.returncode is None:
                    process.kill()
                    await process.wait()


class TestRebuild:
    def test_folds_what_is_asked_for(self, greenlight: Greenlight, founded: Urls) -> None:
        one = greenlight(founded, "rebuild", "flags")
        unknown = greenlight(founded, "rebuild", "nothing")

        assert (one.returncode, one.stdout) == (0, "flags: made anew from 2 events, at position 2.\n"), one.stderr
        assert unknown.returncode == 2
        assert "current_budget" in unknown.stderr

    def test_replaces_rows_that_say_something_else_only_when_told_to(
        self, greenlight: Greenlight, founded: Urls
    ) -> None:
        assert greenlight(founded, "rebuild", "current_budget").returncode == 0
        asyncio.run(spoilt(founded))

        looked = greenlight(founded, "rebuild", "current_budget")
        again = greenlight(founded, "rebuild", "current_budget")
        replaced = greenlight(founded, "rebuild", "current_budget", "--replace")

        told = "current_budget_spent, rows: 1 live, 0 made anew.\ncurrent_budget_spent, spent: 5 live, 0 made anew.\n"
        assert [(each.returncode, each.stdout) for each in (looked, again)] == [(1, told)] * 2
        assert looked.stderr.endswith("To replace them: greenlight rebuild current_budget --replace\n")
        assert replaced.returncode == 0
        assert replaced.stdout.endswith(told)
        assert greenlight(founded, "rebuild").returncode == 0

    def test_that_meets_an_event_it_cannot_take_names_it_in_a_line(self, greenlight: Greenlight, founded: Urls) -> None:
        as_superuser(
            founded.admin,
            "ALTER TABLE events DISABLE TRIGGER ALL",
            "UPDATE events SET type = 'StudioSold' WHERE type = 'MemberAdmitted'",
        )
        ran = greenlight(founded, "rebuild", "audit_trail")
        sent = greenlight(founded, "company", "admit", "acme", "ravi")

        where = "StudioSold at position 2, version 2 of acme: UnknownEvent: "
        assert ran.returncode == 1
        assert ran.stderr.splitlines()[-2].startswith(f"The read models stay as they were: {where}")
        assert (sent.returncode, sent.stderr.startswith(where), len(sent.stderr.splitlines())) == (2, True, 1)

    async def test_that_is_broken_off_says_how_it_goes_on(self, urls: Urls) -> None:
        async def run(*words: str) -> asyncio.subprocess.Process:
            pipes = {"stdout": asyncio.subprocess.PIPE, "stderr": asyncio.subprocess.PIPE}
            environment = os.environ | {"DATABASE_URL": urls.service}
            return await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "service.cli", *words), env=environment, **pipes
            )

        async with opened(urls.service, project=False) as doors:
            await doors.handling.handle(Wish("acme", None, FoundCompany(name="A"), OPERATOR, "k", uuid4(), "cli"))
            await doors.runner.refresh()
            await doors.runner.release()
        admin = await asyncpg.connect(urls.admin)
        async with admin.transaction():
            await admin.execute("LOCK TABLE flags IN ACCESS SHARE MODE")
            making = await run("rebuild", "flags")
            await blocked(admin)
            during = (await (await run("projections")).communicate())[0].decode()
            making.send_signal(signal.SIGINT)
            _, said = await making.communicate()
        await admin.close()
        after = (await (await run("projections")).communicate())[0].decode()
        again = await run("rebuild", "flags")
        await again.communicate()
        done = (await (await run("projections")).communicate())[0].decode()

        assert making.returncode == 130
        assert said.decode().splitlines()[-1] == (
            "Broken off; the read models stay as they were. The rebuild goes on where it was with:"
            " greenlight rebuild flags"
        )
        assert "Traceback" not in said.decode()
        assert ("100%" in during, "broken off" in during) == (True, False), during
        assert "broken off at 100%" in after
        assert after.splitlines()[-1].startswith("A rebuild is not done; this goes on with it, or tells what is in its")
        assert after.splitlines()[-1].endswith(": greenlight rebuild flags")
        assert (again.returncode, "%" in done) == (0, False)


async def spoilt(urls: Urls) -> None:
    """A row that no fact is behind."""
    connection = await asyncpg.connect(urls.service)
    await connection.execute("INSERT INTO current_budget_spent VALUES ('acme/nowhere', '2200', 5, 1)")
    await connection.close()


class TestEmbedded:
    def test_keeps_the_same_data_from_one_command_to_the_next(self, greenlight: Greenlight, tmp_path: Path) -> None:
        data = str(tmp_path / "data")

        found = greenlight(None, "company", "found", "acme", "--name", "Acme Pictures", GREENLIGHT_DATA=data)
        verify = greenlight(None, "verify", GREENLIGHT_DATA=data)

        assert found.returncode == 0, found.stderr
        assert verify.stdout.startswith("acme: 1 events hold")


class TestTheProgram:
    def run(self, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
        program = Path(sys.executable).parent / "greenlight"
        named = {"PATH": os.environ["PATH"], "COLUMNS": "200"} | environment
        return subprocess.run([program, *words], env=named, capture_output=True, text=True, timeout=60)

    def test_is_installed_and_ends_with_the_code_of_what_it_found(self, founded: Urls) -> None:
        held = self.run("verify", DATABASE_URL=founded.service)
        none = self.run("verify", "acme/no-such", DATABASE_URL=founded.service)
        away = self.run("verify", DATABASE_URL=founded.service.replace("/test_", "/gone_"))
        other = self.run("fund")

        ran = (held, none, away, other)
        said = "".join(each.stderr for each in ran)
        assert [each.returncode for each in ran] == [0, 2, 2, 2], said
        assert "There is no stream acme/no-such." in none.stderr
        assert "No such command 'fund'" in other.stderr
        assert "Traceback" not in said


class TestWhatIsSaid:
    @pytest.mark.parametrize(
        ("words", "place"),
        [
            ("serve", "x:y@127.0.0.1:9/greenlight"),
            ("project", "x:y@127.0.0.1:9/greenlight"),
            ("projections", "x:y@127.0.0.1:9/greenlight"),
            ("serve", "greenlight_service:wrong@"),
        ],
    )
    def test_says_in_a_line_that_there_is_no_database(
        self, greenlight: Greenlight, urls: Urls, words: str, place: str
    ) -> None:
        if place.endswith("@"):
            place += urls.service.split("@")[1]
        ran = greenlight(None, words, DATABASE_URL=f"postgresql://{place}")

        assert (ran.returncode, ran.stdout) == (2, "")
        assert ran.stderr.startswith("The database does not answer: ")
        assert len(ran.stderr.splitlines()) == 1

    @pytest.mark.parametrize(
        ("words", "said"),
        [
            ((), "Usage: greenlight"),
            (("fund",), "No such command 'fund'"),
            (("serve", "--port", "70000"), "less than or equal to 65535"),
            (("token", "create", "acme"), "Missing argument 'person'"),
            (("token", "create", "acme", "maya", "--hours", "0"), "greater than or equal to 0.001"),
            (("company", "found", "acme"), "Missing option '--name'"),
        ],
        ids=lambda value: " ".join(value) or "nothing" if isinstance(value, tuple) else "",
    )
    def test_says_what_to_do_when_it_is_not_understood(
        self, greenlight: Greenlight, words: tuple[str, ...], said: str
    ) -> None:
        ran = greenlight(None, *words, COLUMNS="200")

        assert ran.returncode == 2
        assert said in ran.stdout + ran.stderr
        assert "Traceback" not in ran.stderr
