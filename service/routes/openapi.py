"""The OpenAPI document: what FastAPI derives, and the commands, refusals and examples that it cannot see.

The examples come from a file that a test writes by doing what they say, and holds them against.
"""

import json
from functools import cache
from pathlib import Path
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic.json_schema import models_json_schema

from service.deciders.command import Command
from service.problems import MEDIA_TYPE, ProblemDetails, slug

from . import commands

EXAMPLES = Path(__file__).parent / "examples.json"

#: Problems that every command can end in, by status.
OF_EVERY_COMMAND = {
    "400": "The body is no JSON.",
    "401": "The token is missing, unknown, expired or revoked.",
    "412": "The stream is not at the version of If-Match.",
    "413": "The body is too large.",
    "415": "The body is not sent as JSON.",
    "422": "A field cannot be read, or the idempotency key came with another request.",
    "503": "The database was lost before it answered; retry under the same key.",
}
OF_EVERY_VIEW = {
    "401": "The token is missing, unknown, expired or revoked.",
    "403": "The sender holds no role on the production.",
    "404": "There is no such production for the sender.",
    "422": "A parameter cannot be read.",
    "503": "The view does not show the position asked for yet.",
}


@cache
def examples() -> dict[str, Any]:
    """By command: a request that does what it says, its answer, and a problem for every refusal."""
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
    document = get_openapi(title=app.title, version=app.version, description=app.description, routes=app.routes)
    _, models = models_json_schema(
        [(model, "validation") for model in (*commands.COMPANY_COMMANDS, *commands.PRODUCTION_COMMANDS)]
        + [(ProblemDetails, "serialization")],
        ref_template="#/components/schemas/{model}",
    )
    schemas = document["components"]["schemas"]
    schemas |= models["$defs"]
    schemas.pop("HTTPValidationError", None)
    schemas.pop("ValidationError", None)
    by_name = {slug(c.__name__): c for c in (*commands.COMPANY_COMMANDS, *commands.PRODUCTION_COMMANDS)}
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            command = by_name.get(path.rsplit("/", 1)[-1]) if method == "post" else None
            if command is not None:
                _describe_command(operation, command)
            elif path.startswith("/v1/"):
                operation["responses"] |= {s: _problem(text) for s, text in OF_EVERY_VIEW.items()}
    return document


def _describe_command(operation: dict[str, Any], command: type[Command]) -> None:
    shown = examples().get(command.__name__, {})
    operation["requestBody"]["content"]["application/json"]["examples"] = {
        command.__name__: {"value": shown.get("request", command.example)}
    }
    if "answer" in shown:
        operation["responses"]["201"]["content"]["application/json"]["examples"] = {
            command.__name__: {"value": shown["answer"]}
        }
    answers = {status: _problem(text) for status, text in OF_EVERY_COMMAND.items()}
    for refusal in commands.refusals(command):
        status = str(refusal.status)
        said = " ".join((refusal.__doc__ or "").split())
        answer = answers.setdefault(status, _problem(""))
        answer["description"] = f"{answer['description']} {said}".strip()
        if refusal.__name__ in shown.get("refusals", {}):
            examples_here = answer["content"][MEDIA_TYPE].setdefault("examples", {})
            examples_here[refusal.__name__] = {"summary": said, "value": shown["refusals"][refusal.__name__]}
    operation["responses"]["200"] = {
        "description": "What would happen, of a dry run.",
        "content": {"application/json": {"schema": {"$ref": "#/components/schemas/CommandAnswer"}}},
    }
    operation["responses"] |= answers


def _problem(description: str) -> dict[str, Any]:
    schema = {"$ref": "#/components/schemas/ProblemDetails"}
    return {"description": description, "content": {MEDIA_TYPE: {"schema": schema}}}
