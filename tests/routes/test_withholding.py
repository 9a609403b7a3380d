"""What is withheld over HTTP: the view, who reads it, and the commands."""

from tests.deciders.remittances import OVERPAID, OWED, remit, void_remittance, withheld
from tests.deciders.stories import ACCOUNTANT, AUDITOR, DIRECTOR
from tests.routes.world import World


class TestTheView:
    async def test_says_what_is_owed_and_what_was_paid_over(self, world: World) -> None:
        await world.play(
            [*OVERPAID, withheld("5000"), (ACCOUNTANT, remit("1000")), (ACCOUNTANT, void_remittance("RM-2"))]
        )

        shown = await world.read(AUDITOR, "withholding")

        told = [(each["spend"], each["state"], each["withheld"], each["due"]) for each in shown["entries"]]
        assert told == [("S-000001", "reversed", "0.00", "-4000.00"), ("S-000004", "logged", "5000.00", "5000.00")]
        sums = [shown[name] for name in ("withheld", "remitted", "due", "payable", "currency")]
        assert sums == ["5000.00", "4000.00", "1000.00", "1000.00", "INR"]
        assert [(each["remittance"], each["state"]) for each in shown["remittances"]] == [
            ("RM-1", "remitted"),
            ("RM-2", "voided"),
        ]
        assert shown["remittances"][1]["shares"] == [
            {"spend": "S-000001", "amount": "-4000.00"},
            {"spend": "S-000004", "amount": "5000.00"},
        ]

    async def test_is_filtered_and_as_of_then(self, world: World) -> None:
        await world.play([*OWED, withheld("5000"), (ACCOUNTANT, remit("9000"))])
        whole = await world.read(AUDITOR, "withholding")

        of_vendor = await world.read(AUDITOR, "withholding", vendor="kala-sets", due="false")
        before = await world.read(AUDITOR, "withholding", as_of=whole["version"] - 1, due="true")
        earlier = await world.read(AUDITOR, "withholding", posted_to="2026-11-01")

        assert [each["spend"] for each in of_vendor["entries"]] == ["S-000004"]
        assert (before["due"], before["remittances"]) == ("9000.00", [])
        assert earlier["entries"] == []

    async def test_is_csv_by_accept(self, world: World) -> None:
        await world.play(OWED)

        answer = await world.get(AUDITOR, "withholding", accept="text/csv")

        assert answer.headers["content-type"].startswith("text/csv")
        assert "S-000001" in answer.text

    async def test_is_for_those_who_may_read_every_figure(self, world: World) -> None:
        await world.play(OWED)

        answer = await world.get(DIRECTOR, "withholding")

        assert answer.status_code == 403
        assert answer.json()["detail"] == "What withholding is made of is not shown to you."


class TestRemitWithheld:
    async def test_is_refused_with_both_sums_and_the_entries(self, world: World) -> None:
        await world.play(OWED)

        answer = await world.send(ACCOUNTANT, remit("400"))

        assert answer.status_code == 409
        assert answer.json()["detail"] == (
            "INR 4,000.00 is due up to 2026-11-02, not 400 (3,600.00 off): INR 4,000.00 of S-000001; "
            "left out is INR 0.00: none."
        )
