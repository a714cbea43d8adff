"""The OpenAPI schema: every operation with every refusal it can answer."""

from __future__ import annotations

from typing import Any

from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.openapi import AutoSchema as BaseAutoSchema
from drf_spectacular.utils import OpenApiResponse

from screening.api.serializers import ErrorSerializer

ALWAYS = {
    400: "The request is not well formed.",
    401: "The API key is missing, or opens nothing.",
    403: "The API key lacks the scope.",
    503: "The database is away. Nothing was stored; try again.",
}
BY_METHOD = {
    "GET": {422: "A query parameter is not valid."},
    "POST": {
        409: "The state forbids it.",
        413: "The body is too large.",
        415: "The body is not JSON in UTF-8.",
        422: "Some fields are not valid; details names each.",
    },
}


class AutoSchema(BaseAutoSchema):
    """Add the refusals that no view has to declare: they are the same everywhere."""

    def get_tags(self) -> list[str]:
        """Group by the second part of the path."""
        return ["cases" if "/cases/" in self.path else "jobs"]

    def get_response_serializers(self) -> Any:
        """Add each refusal, in the envelope."""
        declared: Any = super().get_response_serializers()
        refusals = {**ALWAYS, **BY_METHOD.get(self.method, {})}
        if "{" in self.path:
            refusals[404] = "It is unknown, or another clinic's."
        return {
            **declared,
            **{
                code: OpenApiResponse(ErrorSerializer, description=text)
                for code, text in refusals.items()
            },
        }


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
