"""Who may take work now: the configured targets and the agents, as last read."""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass, replace

from django.conf import settings
from django.db import InterfaceError, OperationalError

from routing.circuits import Circuits
from routing.configured import configured_targets, endpoint_rules
from routing.endpoints import EndpointRefused, EndpointRules, check_url
from routing.errors import NoModelEndpoints, NoTargetAllowed
from routing.models import Agent, TargetHealth
from routing.policy import (
    DEFAULT_P95_MS,
    SCREEN,
    Decision,
    Standing,
    Wish,
    choose_targets,
    refusal_of,
)
from routing.registrations import PULL
from routing.targets import Target

logger = logging.getLogger(__name__)

LOOK_AGAIN_SECONDS = 2.0
NOT_APPROVED = "not approved yet"
DISABLED = "disabled"
NOT_HEARD_OF = "not heard of"
NOT_ALLOWED = "its endpoint is not allowed"
PULLS = "pulls its work"


@dataclass(frozen=True, kw_only=True, slots=True)
class Known:
    """One target, and how it stands but for its circuit."""

    target: Target
    standing: Standing
    agent: Agent | None = None
    health: TargetHealth | None = None

    @property
    def clinic(self) -> str:
        """Return the one clinic whose work it may see; empty: any."""
        return self.agent.clinic if self.agent else ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Choice:
    """A decision, and the targets that its candidates are."""

    decision: Decision
    targets: tuple[Target, ...]


class Directory:
    """The targets as they were two seconds ago at most. For one thread.

    With the database away they are as they were when it was last there.
    """

    def __init__(self) -> None:
        self._known: list[Known] = []
        self._looked_at = float("-inf")

    def known(self) -> list[Known]:
        """List every target, configured ones first."""
        now = time.monotonic()
        if now - self._looked_at >= LOOK_AGAIN_SECONDS:
            self._looked_at = now
            try:
                self._known = read_known()
            except (OperationalError, InterfaceError) as exc:
                logger.warning("The agents cannot be read (%s)", type(exc).__name__)
        return self._known

    def names(self, capability: str = SCREEN) -> list[str]:
        """Name the targets that may take some work of a kind."""
        return [
            known.target.name
            for known in self.known()
            if capability in known.standing.capabilities and not known.standing.unfit
        ]

    def choose(
        self,
        wish: Wish,
        *,
        clinic: str,
        circuits: Circuits,
        probing: str = "",
        agents_only: bool = False,
    ) -> Choice:
        """Decide where one piece of a clinic's work goes.

        A target that is due for a probe is given to one piece a second, of all
        workers; ``probing`` names one whose probe this piece has been given already.
        What would be refused for good is decided by what stands there this moment.
        """
        known = self._known_to(clinic, agents_only=agents_only)
        choice = _choose(known, wish, circuits, probing)
        if isinstance(choice.decision.error, NoModelEndpoints | NoTargetAllowed):
            self._looked_at = float("-inf")
            known = self._known_to(clinic, agents_only=agents_only)
            choice = _choose(known, wish, circuits, probing)
        return choice

    def _known_to(self, clinic: str, *, agents_only: bool) -> list[Known]:
        return [
            found
            for found in self.known()
            if found.clinic in {"", clinic}
            and (found.target.is_agent or not agents_only)
        ]


def _choose(known: list[Known], wish: Wish, circuits: Circuits, probing: str) -> Choice:
    may_be_asked = [
        found.target.name
        for found in known
        if not found.standing.unfit and not refusal_of(found.standing, wish)
    ]
    resting = circuits.resting(may_be_asked, probing=probing)
    decision = choose_targets(
        [
            replace(found.standing, resting=resting.get(found.target.name, 0.0))
            for found in known
        ],
        wish,
        top=settings.ORCHESTRATOR_ROUTER_TOP_N,
    )
    by_name = {found.target.name: found.target for found in known}
    return Choice(
        decision=decision,
        targets=tuple(by_name[chosen.name] for chosen in decision.candidates),
    )


def read_known() -> list[Known]:
    """Read all targets from the settings and the database.

    Raises:
        OperationalError, InterfaceError: the database is away.
    """
    seen = {health.name: health for health in TargetHealth.objects.with_illness()}
    configured = [
        Known(
            target=target,
            standing=_standing(health, name=target.name, location=target.name),
            health=health,
        )
        for target in configured_targets()
        for health in [seen.get(target.name)]
    ]
    rules = endpoint_rules()
    agents = Agent.objects.with_silence()
    return configured + [
        _agent(agent, seen.get(agent.agent_id), rules) for agent in agents
    ]


def _agent(agent: Agent, health: TargetHealth | None, rules: EndpointRules) -> Known:
    standing = _standing(
        health,
        name=agent.agent_id,
        location=agent.location,
        capabilities=tuple(agent.capabilities),
        gpu=agent.gpu,
        raw_media=agent.supports_raw_media,
        load=agent.load_score,
        unfit=_unfit(agent, rules),
    )
    if agent.health_status == Agent.Health.UNHEALTHY:
        standing = replace(standing, ill=True)
    if (health is None or health.p95_ms is None) and agent.told_latency_ms:
        standing = replace(standing, p95_ms=agent.told_latency_ms)
    return Known(target=target_of(agent), standing=standing, agent=agent, health=health)


def target_of(agent: Agent) -> Target:
    """Return what is called when an agent is asked to read a screening."""
    return Target(
        name=agent.agent_id,
        url=agent.endpoint,
        protocol=agent.protocol,
        model=agent.model,
        token_env=agent.token_env,
        takes_images=agent.supports_raw_media,
        is_agent=True,
    )


def _standing(health: TargetHealth | None, **fields: object) -> Standing:
    standing = Standing(**fields)  # type: ignore[arg-type]
    if health is None:
        return standing
    return replace(
        standing, ill=health.is_ill, p95_ms=round(health.p95_ms or DEFAULT_P95_MS, 1)
    )


def _unfit(agent: Agent, rules: EndpointRules) -> str:
    """Say why an agent gets no work for now; nothing if it may."""
    if agent.approved_at is None:
        return NOT_APPROVED
    if not agent.is_enabled:
        return DISABLED
    if agent.is_silent:
        return NOT_HEARD_OF
    if agent.protocol == PULL:
        return PULLS
    try:
        check_url(agent.endpoint, rules)
    except EndpointRefused:
        return NOT_ALLOWED
    return ""
