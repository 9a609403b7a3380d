"""Floats and deposits over HTTP: the view, the inbox, the register, and who reads them."""

from datetime import timedelta

from tests.deciders.advances import FLOATED, close_short, pay_out, receipt_of
from tests.deciders.stories import ACCOUNTANT, AUDITOR, DIRECTOR, LINE_PRODUCER, TODAY
from tests.routes.world import World
from tests.spec import Story

#: A float to the director with a receipt, one that was due the day before, and a deposit.
OUT: Story = [
    *FLOATED,
    (LINE_PRODUCER, receipt_of("12000")),
    (ACCOUNTANT, pay_out("700", due_on=TODAY - timedelta(days=60))),
    (ACCOUNTANT, pay_out("50000", vendor="kala-sets")),
]


class TestTheView:
    async def test_lists_them_and_what_each_holder_has(self, world: World) -> None:
        await world.play(OUT)

        shown = await world.read(ACCOUNTANT, "advances")

        assert [(each["advance"], each["open"]) for each in shown["advances"]] == [
            ("DEP-0001", "50000.00"),
            ("FLOAT-0001", "8000.00"),
            ("FLOAT-0002", "700.00"),
        ]
        assert [(each["person"], each["advanced"], each["overdue"]) for each in shown["holders"]] == [
            (None, "50000.00", 0),
            (DIRECTOR, "20700.00", 1),
        ]

    async def test_is_filtered_and_as_of_then(self, world: World) -> None:
        await world.play(OUT)
        whole = await world.read(ACCOUNTANT, "advances")

        overdue = await world.read(ACCOUNTANT, "advances", overdue="true")
        before = await world.read(ACCOUNTANT, "advances", as_of=whole["version"] - 2)

        assert [each["advance"] for each in overdue["advances"]] == ["FLOAT-0002"]
        assert [each["advance"] for each in before["advances"]] == ["FLOAT-0001"]

    async def test_shows_whoever_may_not_read_everything_their_own(self, world: World) -> None:
        await world.play(OUT)

        shown = await world.read(DIRECTOR, "advances")

        assert [each["advance"] for each in shown["advances"]] == ["FLOAT-0001", "FLOAT-0002"]
        assert shown["withheld"] is not None

    async def test_is_csv_by_accept(self, world: World) -> None:
        await world.play(OUT)

        answer = await world.get(ACCOUNTANT, "advances", accept="text/csv")

        assert "FLOAT-0001" in answer.text
        assert answer.headers["content-type"].startswith("text/csv")


class TestTheInbox:
    async def test_tells_a_holder_what_they_have_to_account_for(self, world: World) -> None:
        await world.play(OUT)

        inbox = await world.read(DIRECTOR, "/v1/inbox")

        told = [(each["advance"], each["open"], each["overdue"]) for each in inbox["advances"]]
        assert told == [("FLOAT-0001", "8000.00", False), ("FLOAT-0002", "700.00", True)]

    async def test_tells_an_accountant_what_is_overdue_and_an_auditor_nothing(self, world: World) -> None:
        await world.play(OUT)

        of_accountant = await world.read(ACCOUNTANT, "/v1/inbox")
        of_auditor = await world.read(AUDITOR, "/v1/inbox")

        assert [each["advance"] for each in of_accountant["advances"]] == ["FLOAT-0002"]
        assert of_auditor["advances"] == []


class TestTheRegister:
    async def test_says_that_a_receipt_was_paid_out_of_its_advance(self, world: World) -> None:
        await world.play([*OUT, (ACCOUNTANT, close_short())])

        lines = (await world.read(ACCOUNTANT, "spend-register", payment="by_advance"))["lines"]

        assert [(each["spend"], each["amount"]) for each in lines] == [
            ("S-000001", "12000.00"),
            ("S-000002", "8000.00"),
        ]
