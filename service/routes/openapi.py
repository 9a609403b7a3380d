"""The OpenAPI document: what FastAPI derives, and the commands, refusals, headers and examples that it cannot see.

The examples come from a file that a test writes by doing what they say, and holds them against.
"""

import json
from functools import cache
from pathlib import Path
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic.json_schema import models_json_schema

from events import EVENTS
from service.deciders.command import Command
from service.problems import MEDIA_TYPE, ProblemDetails, slug
from service.spreadsheets import CSV

from . import commands, members
from .feed import EVENT_STREAM
from .listing import FILES, JSON, JSON_LINES

EXAMPLES = Path(__file__).parent / "examples.json"

ABOUT = """
The money of a film or television production: who secured which funding, who set, approved and locked which
budget, who spent what on it, and how anyone can see and prove it afterwards.

* **Who you are**: `Authorization: Bearer …`: a token, one that your company's OpenID Connect provider signed, or an API
  key, each standing for a person of a company. A key does what its scopes name, a command by its name or `read`.
* **Commands** are `POST`s with an `Idempotency-Key` of your choice. The same key with the same request happens
  once, for ever: after a lost answer send it again. `dry_run=true` answers what would happen.
* **Approvals**: the production's policy says what is asked of whom. A command that must be approved answers with
  `ApprovalRequested` and takes effect when its round has passed. The approval status says what a round waits for and
  who may do what; the inbox holds what waits for you. Answers name the `content_hash` that was seen.
* **Acting for another**: `On-Behalf-Of` names whom, who delegated it to you or is away with you as substitute.
* **Views** are `GET`s. Each says in `Position` which position of the log it shows; `at_least=` the `position` that
  a command answered waits for it. `as_of=` a version or an instant shows what was so then.
* **Pay and detail above the line** are read by the roles that answer for money. Whoever reads a production without
  such a role is told in `withheld` that something is not shown to them, here and in the header `Withheld`.
* **The feed** tells every event of a company once and in order, as a CloudEvent: in pages, or as server-sent events.
  What it may tell stands in `/asyncapi.json`.
* **The company** runs itself: `members`, invitations, and each one's own keys, tokens and sign-ins. Whoever is invited
  accepts with a token of the provider that says the address invited. A guest sees the productions they hold a role on.
* **Problems** are `application/problem+json` (RFC 9457). `type` is stable; `detail` says the rule and the figures,
  `otherwise` what to do or who may decide otherwise, `errors` which field is wrong.
* **Money** is a decimal string, never a JSON number: `{"amount": "1250.00", "currency": "USD"}`.
* **Formats** of ours: `plain-text` is not blank and holds no control or hidden characters, `plain-line` no line break
  either; `iso-4217` is the code of a currency in use, `iana-time-zone` the name of a zone.
"""

#: Problems that every command can end in, by status.
OF_EVERY_COMMAND = {
    "400": "The body is no JSON, or a header came more than once.",
    "401": "The token is missing, unknown, expired or revoked.",
    "403": "An API key was not made for the command, or was sent for somebody else than its owner.",
    "408": "The body did not come to its end.",
    "412": "The stream is not at the version of If-Match.",
    "413": "The body is too large.",
    "415": "The body is not sent as JSON.",
    "422": "A field cannot be read, or the idempotency key came with another request.",
    "429": "Too many requests of one credential, or too many failures of one address to bear a valid one.",
    "503": "The database was lost before it answered, or a long history is being read; retry under the same key.",
}
OF_EVERY_VIEW = {
    "400": "The header `Authorization` came more than once.",
    "401": "The token is missing, unknown, expired or revoked.",
    "403": "An API key was not made for reading.",
    "422": "A parameter cannot be read.",
    "429": OF_EVERY_COMMAND["429"],
    "503": "The view does not show the position asked for yet, or a long history is being read.",
}
OF_THE_INBOX = OF_EVERY_VIEW | {
    "404": "There is no such company for the sender.",
    "422": "A parameter cannot be read; or the sender signs in alike for several companies, and names none.",
}
OF_THE_SLATE = OF_EVERY_VIEW | {"404": OF_THE_INBOX["404"]}
OF_A_PRODUCTIONS_VIEW = OF_EVERY_VIEW | {
    "403": "The sender holds no role on the production, or sends an API key that was not made for reading.",
    "404": "There is no such production for the sender.",
}
OF_THE_FEED = {
    "400": "The header `Authorization` came more than once.",
    "401": "The token is missing, unknown, expired or revoked.",
    "403": "The sender holds no role on the production; or names none, and is no administrator; or sends an API key"
    " that was not made for reading.",
    "404": "There is no such company or production for the sender.",
    "406": "The request takes neither a page nor a stream.",
    "422": "A parameter cannot be read, a kind of event is none, or a position is ahead of the log.",
    "429": OF_EVERY_COMMAND["429"],
    "503": "What comes next was written by a newer version of Greenlight.",
}
_OF_A_COMPANY = {
    "400": OF_EVERY_VIEW["400"],
    "401": OF_EVERY_VIEW["401"],
    "403": "An API key was not made for this.",
    "404": "There is no such company for the sender.",
    "422": "A parameter or a field cannot be read.",
    "429": OF_EVERY_COMMAND["429"],
}
_WITH_A_BODY = _OF_A_COMPANY | {status: OF_EVERY_COMMAND[status] for status in ("400", "408", "413", "415")}
_NOT_THERE = "There is no such company for the sender, or no such thing in it that they may end."
#: By operation, the problems that the company's own doors can end in.
OF_THE_DOORS = {
    **dict.fromkeys(("members", "delegations", "keys", "tokens", "identities"), _OF_A_COMPANY),
    "correct_person": _WITH_A_BODY
    | {
        "403": "It is somebody else, and the sender is no administrator; or an API key was sent.",
        "404": "There is no such company for the sender, or no such person in it.",
        "409": "The person was erased, or is a guest and would be called as a member is.",
    },
    "erase_person": _OF_A_COMPANY
    | {
        "403": "The sender is no administrator, or sends an API key.",
        "404": "There is no such company for the sender, or no such person in it.",
    },
    "chart": _OF_A_COMPANY | {"403": OF_A_PRODUCTIONS_VIEW["403"], "404": OF_A_PRODUCTIONS_VIEW["404"]},
    "read_budget_file": _WITH_A_BODY
    | {
        "403": OF_A_PRODUCTIONS_VIEW["403"],
        "404": OF_A_PRODUCTIONS_VIEW["404"],
        "415": "The body is not sent as CSV or XLSX.",
        "422": "A parameter cannot be read, or nothing of a budget in the file.",
    },
    "make_key": _WITH_A_BODY
    | {
        "403": "The sender is a guest and asks for more than to read; or sends an API key.",
        "409": "The sender has as many keys as one may have.",
    },
    **dict.fromkeys(("revoke_key", "revoke_token"), _OF_A_COMPANY | {"403": "An API key was sent.", "404": _NOT_THERE}),
    "directory_changes": _OF_A_COMPANY | {"403": "The sender is no administrator, or sends an API key."},
    "unlink_identity": _OF_A_COMPANY
    | {"403": "The sender is no administrator, or sends an API key.", "404": _NOT_THERE},
    "accept_invitation": {
        "400": OF_EVERY_VIEW["400"],
        "401": "It is no token of the provider, or not to be believed.",
        "403": "The provider says no address that it has verified.",
        "404": "No invitation to the address is open here.",
        "409": "The invitation is too old, or to the address of somebody else who is here; or who signed in stands, or"
        " stood, for a person of the company.",
        "422": _OF_A_COMPANY["422"],
        "429": OF_EVERY_COMMAND["429"],
        "503": "The database was lost before it answered; send it again.",
    },
}
#: Headers of answers, by name.
HEADERS = {
    "ETag": 'Version of the stream, such as `"12"`: what `If-Match` of a command takes.',
    "Position": "Position of the log that the answer shows.",
    "Stream-Link": "Version and link of the stream that is shown: what `greenlight verify --expect` takes.",
    "Withheld": "That something is not shown to the reader's roles; without it everything is.",
    "Repr-Digest": "SHA-256 of the bytes, as RFC 9530 writes it; the log holds the same.",
    "Idempotency-Replayed": "`true` when the request came before and this is its first answer again.",
    "Retry-After": "Seconds after which to try again.",
    "WWW-Authenticate": "`Bearer`.",
}
BEARER = {
    "type": "http",
    "scheme": "bearer",
    "description": (
        "A token of `greenlight token create`; a JWT of the OpenID Connect provider, whose subject the operator linked"
        " to a person, or who accepted an invitation; or an API key, which stands for its owner within its scopes."
    ),
}
#: One message of a stream: OpenAPI 3.1 has no word for the whole of it.
_MESSAGE = {
    "type": "object",
    "properties": {
        "id": {"type": "string", "pattern": "^[0-9]+$", "description": "Position of the event: `Last-Event-ID`."},
        "data": {
            "type": "string",
            "contentMediaType": "application/json",
            "contentSchema": {"$ref": "#/components/schemas/CloudEvent"},
        },
    },
    "required": ["id", "data"],
}
_OF_STATUS = {"401": ("WWW-Authenticate",), "429": ("Retry-After",), "503": ("Retry-After",)}


@cache
def examples() -> dict[str, Any]:
    """What was done and answered.

    By command: `request`, `answer`, and a problem for each of its `refusals`. Under `views` an answer of each
    view; under `problems` those of the doors themselves, by whom they meet, by status and by name.
    """
    found: dict[str, Any] = json.loads(EXAMPLES.read_text())
    return found


def describe(app: FastAPI) -> None:
    """Let the application answer with the whole document."""

    def document() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = _document(app)
        return app.openapi_schema

    app.openapi = document  # type: ignore[method-assign]


def _document(app: FastAPI) -> dict[str, Any]:
    document = get_openapi(title=app.title, version=app.version, description=ABOUT.strip(), routes=app.routes)
    routed = (*commands.COMPANY_COMMANDS, *commands.PRODUCTION_COMMANDS)
    bodies = (*routed, *members.BODIES.values())
    _, models = models_json_schema(
        [*((model, "validation") for model in bodies), (ProblemDetails, "serialization")],
        ref_template="#/components/schemas/{model}",
    )
    schemas = document["components"]["schemas"]
    schemas |= models["$defs"]
    schemas.pop("HTTPValidationError", None)
    schemas.pop("ValidationError", None)
    document["components"]["securitySchemes"] = {"HTTPBearer": BEARER}
    by_name = {slug(command.__name__): command for command in routed}
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            _say_no_null(operation)
            if path.startswith("/v1/"):
                operation["security"] = [{"HTTPBearer": []}]
            if operation["operationId"] in OF_THE_DOORS:
                _describe_door(operation)
            elif method == "post":
                _describe_command(operation, by_name[path.rsplit("/", 1)[-1]])
            elif operation["operationId"] == "events":
                _describe_feed(operation)
            elif path.startswith("/v1/"):
                _describe_view(operation, of_production="{production}" in path)
    return document


def _say_no_null(operation: dict[str, Any]) -> None:
    """A parameter is left out or has a value: `null` is four letters there."""
    for parameter in operation.get("parameters", []):
        schema = parameter["schema"]
        if {"type": "null"} in schema.get("anyOf", []):
            [said] = (each for each in schema.pop("anyOf") if each != {"type": "null"})
            parameter["schema"] = said | schema


def _describe_command(operation: dict[str, Any], command: type[Command]) -> None:
    shown = examples().get(command.__name__, {})
    body, answers = operation["requestBody"]["content"]["application/json"], operation["responses"]
    answer = {"schema": {"$ref": "#/components/schemas/CommandAnswer"}}
    _exemplify(body, {command.__name__: shown.get("request", command.example)})
    answers["200"] = {"description": "What would happen, of a dry run.", "content": {"application/json": answer}}
    answers["201"] |= {
        "description": "It happened, durably; or it had happened, and this is its first answer again.",
        "headers": _headers("ETag", "Position", "Idempotency-Replayed"),
    }
    if "answer" in shown:
        _exemplify(answers["201"]["content"]["application/json"], {command.__name__: shown["answer"]})
    _add_problems(answers, OF_EVERY_COMMAND, "every command", slug(command.__name__))
    for refusal in commands.refusals(command):
        said = " ".join((refusal.__doc__ or "").split())
        problem = answers.setdefault(str(refusal.status), _problem("", str(refusal.status)))
        problem["description"] = f"{problem['description']} {said}".strip()
        if refusal.__name__ in shown.get("refusals", {}):
            _exemplify(problem["content"][MEDIA_TYPE], {refusal.__name__: shown["refusals"][refusal.__name__]}, said)
    for status, told in examples().get("problems", {}).get(slug(command.__name__), {}).items():
        if status not in OF_EVERY_COMMAND:
            problem = answers.setdefault(status, _problem("", status))
            _exemplify(problem["content"][MEDIA_TYPE], told)
    operation["parameters"].append(
        {
            "name": "Correlation-Id",
            "in": "header",
            "description": "A UUID of yours, in lower case, that ties the facts to what you did; kept in the audit"
            " trail. Anything else is as good as none, and one is drawn.",
            "schema": {"type": "string"},
        }
    )


def _describe_view(operation: dict[str, Any], *, of_production: bool) -> None:
    answers, name = operation["responses"], operation["operationId"]
    shown = examples().get("views", {}).get(name)
    headers = ("ETag", "Position", "Stream-Link", *(() if name == "funding" else ("Withheld",)))
    of_their_own = {"inbox": ("Position",), "slate": ("Position",), "issued_cost_report": ("Repr-Digest",)}
    answers["200"]["headers"] = _headers(*of_their_own.get(name, headers))
    if shown is not None:
        _exemplify(answers["200"]["content"]["application/json"], {name: shown})
    parameters = operation.get("parameters", [])
    if any(parameter["name"] == "accept" for parameter in parameters):
        # A list: the media types say what the parameter says, and OpenAPI has no parameter of that name.
        operation["parameters"] = [parameter for parameter in parameters if parameter["name"] != "accept"]
        files = {"budget": FILES, "cost_report": (*FILES, JSON_LINES), "issued_cost_report": FILES}
        others = files.get(name, (CSV, JSON_LINES))
        answers["200"]["content"] |= {media: {"schema": {"type": "string"}} for media in others}
    if of_production:
        _add_problems(answers, OF_A_PRODUCTIONS_VIEW, "every view", "a production's view", name)
    else:
        _add_problems(answers, OF_THE_INBOX if name == "inbox" else OF_THE_SLATE, "every view", name)


def _describe_door(operation: dict[str, Any]) -> None:
    name, answers = operation["operationId"], operation["responses"]
    shown = examples().get("doors", {}).get(name, {})
    if "request" in shown:
        [first, *_] = operation["requestBody"]["content"].values()
        _exemplify(first, {name: shown["request"]})
    for status in ("200", "201"):
        if status in answers and "answer" in shown:
            _exemplify(answers[status]["content"][JSON], {name: shown["answer"]})
    if "204" in answers:
        answers["204"]["description"] = "It is so now, or was so before."
    _add_problems(answers, OF_THE_DOORS[name], "every door", name)


def _describe_feed(operation: dict[str, Any]) -> None:
    answers, shown = operation["responses"], examples().get("views", {}).get("events")
    answers["200"]["description"] = "A page; or a stream, whose messages are CloudEvents with their position as `id`."
    answers["200"]["headers"] = _headers("Position", "Withheld")
    content = answers["200"]["content"]
    content[EVENT_STREAM] = {"schema": _MESSAGE}
    if shown is not None:
        message = {"id": str(shown["events"][0]["position"]), "data": json.dumps(shown["events"][0])}
        _exemplify(content[JSON], {"events": shown})
        _exemplify(content[EVENT_STREAM], {"message": message})
    operation["parameters"] = [parameter for parameter in operation["parameters"] if parameter["name"] != "accept"]
    [kinds] = (parameter for parameter in operation["parameters"] if parameter["name"] == "kind")
    # FastAPI knows no list with commas between: the route reads it by itself.
    items = {"type": "string", "enum": [*EVENTS]}
    kinds["schema"] = {"type": "array", "minItems": 1, "uniqueItems": True, "items": items}
    kinds |= {"style": "form", "explode": False}
    _add_problems(answers, OF_THE_FEED, "the feed", "events")


def _add_problems(answers: dict[str, Any], said: dict[str, str], *whose: str) -> None:
    shown = [examples().get("problems", {}).get(each, {}) for each in whose]
    for status, text in said.items():
        answers[status] = _problem(text, status)
        for each in shown:
            _exemplify(answers[status]["content"][MEDIA_TYPE], each.get(status, {}))


def _exemplify(media: dict[str, Any], shown: dict[str, Any], summary: str | None = None) -> None:
    for name, value in shown.items():
        told = {"value": value} if summary is None else {"summary": summary, "value": value}
        media.setdefault("examples", {})[name] = told


def _headers(*names: str) -> dict[str, Any]:
    return {name: {"description": HEADERS[name], "schema": {"type": "string"}} for name in names}


def _problem(description: str, status: str) -> dict[str, Any]:
    schema = {"$ref": "#/components/schemas/ProblemDetails"}
    problem: dict[str, Any] = {"description": description, "content": {MEDIA_TYPE: {"schema": schema}}}
    if status in _OF_STATUS:
        problem["headers"] = _headers(*_OF_STATUS[status])
    return problem
