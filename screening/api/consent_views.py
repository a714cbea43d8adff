"""The routes of consents."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.response import Response

from consent.models import Consent
from screening.api.base import ClinicViewSet
from screening.api.consent_serializers import (
    CONSENT_ID_SCHEMA,
    ConsentBodySerializer,
    ConsentOfCaseSerializer,
    GivenConsentSerializer,
    RevokedConsentSerializer,
)
from screening.models import Scope
from screening.services.consents import give_consent, revoke_consent

CONSENT_ID = OpenApiParameter("consent_id", CONSENT_ID_SCHEMA, "path")


class ConsentViewSet(ClinicViewSet):
    """What was allowed for a clinic's cases: to record, to read, to revoke."""

    scopes = {
        "give": Scope.CONSENTS_WRITE,
        "list": Scope.CONSENTS_READ,
        "revoke": Scope.CONSENTS_WRITE,
    }
    body_required = frozenset({"give"})
    queries = {"list": ConsentOfCaseSerializer}
    serializer_class = ConsentBodySerializer

    @extend_schema(
        operation_id="give_consent",
        summary="Record a consent, or its next version",
        request=GivenConsentSerializer,
        responses={200: ConsentBodySerializer},
    )
    def give(self, request: Request) -> Response:
        """Store what is allowed from now on; to say it again changes nothing.

        What says something else is the consent's next version, which alone counts. Of
        a case with consents, only what they allow is done.
        """
        found = GivenConsentSerializer(data=request.data)
        found.is_valid(raise_exception=True)
        consent = give_consent(
            clinic=self.client.clinic, actor=self.client.actor, **found.validated_data
        )
        return Response(_body(consent))

    @extend_schema(
        operation_id="consents",
        summary="List a case's consents, all versions, newest first",
        parameters=[ConsentOfCaseSerializer],
        responses={200: ConsentBodySerializer(many=True)},
        filters=False,
    )
    def list(self, request: Request) -> Response:
        """Show each version with what became of it."""
        consents = Consent.objects.of_case(
            self.client.clinic.slug, self.query["case_id"]
        )
        return Response([_body(consent) for consent in consents.with_state()])

    @extend_schema(
        operation_id="revoke_consent",
        summary="Revoke a consent, and stop what it allowed",
        request=None,
        parameters=[CONSENT_ID],
        responses={200: RevokedConsentSerializer},
    )
    def revoke(self, request: Request, consent_id: str) -> Response:
        """End queued and running work that nothing allows any more."""
        try:
            revoked = revoke_consent(
                clinic=self.client.clinic,
                consent_id=consent_id.replace("\0", "\ufffd"),
                actor=self.client.actor,
            )
        except Consent.DoesNotExist:
            raise NotFound("consent not found") from None
        return Response(
            {
                **_body(revoked.consent),
                "jobs_stopped": revoked.jobs,
                "tasks_stopped": revoked.tasks,
            }
        )


def _body(consent: Consent) -> dict[str, Any]:
    return {
        "consent_id": consent.consent_id,
        "version": consent.version,
        "case_id": consent.case_id,
        "scopes": consent.scopes,
        "given_by": consent.given_by,
        "given_at": consent.given_at,
        "expires_at": consent.expires_at,
        "revoked_at": consent.revoked_at,
        "state": consent.state,
    }
