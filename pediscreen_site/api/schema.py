"""The OpenAPI schema: every operation with every refusal it can answer."""

from __future__ import annotations

from typing import Any

from drf_spectacular.extensions import (
    OpenApiAuthenticationExtension,
    OpenApiSerializerExtension,
)
from drf_spectacular.openapi import AutoSchema as BaseAutoSchema
from drf_spectacular.utils import OpenApiResponse

from screening.api.serializers import ErrorSerializer

ALWAYS = {
    400: "The request is not well formed.",
    401: "The API key is missing, or opens nothing.",
    403: "The API key lacks the scope.",
    405: "The method is none that this path has.",
    406: "The answer cannot be had in the form that was asked for.",
    503: "The database is away. Nothing was stored; try again.",
}
WITH_PATH_PARAMETER = {404: "It is unknown, or another clinic's."}
WITH_QUERY = {422: "A query parameter is not valid."}
WITH_BODY = {
    409: "The state forbids it, or the first request with the key is being stored.",
    413: "The body is too large.",
    415: "The body is not JSON in UTF-8.",
    422: "Some fields are not valid; details names each.",
}
WITH_AGENT = {502: "The agent that was chosen did not answer as it should."}
WITH_STEP = {409: "The job is not in a state from which this can be done."}


class AutoSchema(BaseAutoSchema):
    """Add the refusals that no view has to declare: they are the same everywhere."""

    def get_tags(self) -> list[str]:
        """Group by what the path is about."""
        if self.path.startswith(("/task/", "/route_task")):
            return ["tasks"]
        if not self.path.startswith("/api/"):
            return ["agents"]
        return ["cases" if "/cases/" in self.path else "jobs"]

    def get_operation(self, *args: Any, **kwargs: Any) -> Any:
        """Add to an operation each refusal it can answer, in the envelope."""
        respond: Any = self._get_response_for_code
        operation: Any = super().get_operation(*args, **kwargs)
        if operation is None:
            return None
        places = {parameter["in"] for parameter in operation.get("parameters", [])}
        refusals = dict(ALWAYS)
        if "path" in places:
            refusals |= WITH_PATH_PARAMETER
        if "query" in places:
            refusals |= WITH_QUERY
        if "requestBody" in operation:
            operation["requestBody"]["required"] = True
            refusals |= WITH_BODY
        elif self.method == "POST":
            refusals |= WITH_STEP
        if self.path == "/route_and_call":
            refusals |= WITH_AGENT
        for code, text in sorted(refusals.items()):
            refusal = OpenApiResponse(ErrorSerializer, description=text)
            operation["responses"][str(code)] = respond(
                refusal, str(code), ["application/json"]
            )
        return operation


class StrictSerializerExtension(OpenApiSerializerExtension):  # type: ignore[no-untyped-call]
    """Say of an object in which every key is known that it is one."""

    target_class = "wire.fields.StrictSerializer"
    match_subclasses = True

    def map_serializer(self, auto_schema: Any, direction: Any) -> Any:
        """Refuse every other key."""
        schema = auto_schema._map_serializer(
            self.target, direction, bypass_extensions=True
        )
        return {**schema, "additionalProperties": False}


class KeyHeaderScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    """Tell the OpenAPI schema of the header."""

    target_class = "pediscreen_site.api.authentication.KeyHeader"
    name = "ApiKey"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        """Describe the header."""
        return {
            "type": "apiKey",
            "in": "header",
            "name": "x-api-key",
            "description": "A key made by `manage.py create_api_key`, or `API_KEY`.",
        }
