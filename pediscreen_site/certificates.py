"""Until when the certificates in CERTIFICATE_FILES are good."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path

from cryptography.x509 import load_pem_x509_certificates
from django.conf import settings
from prometheus_client import Metric
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

logger = logging.getLogger(__name__)


class CertificateCollector(Collector):
    """The metrics of certificates; the files are read anew each time."""

    source = "files"

    def collect(self) -> Iterator[Metric]:
        """Say when the first certificate of each file to end does so.

        A file that is not there, or is none, is 0: it ended long ago.
        """
        gauge = GaugeMetricFamily(
            "pedi_orch_certificate_expiry_timestamp_seconds",
            "When a certificate ends, in seconds since 1970; 0 if it cannot be read.",
            labels=["file"],
        )
        for path in settings.CERTIFICATE_FILES:
            gauge.add_metric([path], _ends(Path(path)))
        yield gauge


def _ends(path: Path) -> float:
    try:
        found = load_pem_x509_certificates(path.read_bytes())
    except (OSError, ValueError) as exc:
        logger.warning("A certificate cannot be read (%s)", type(exc).__name__)
        return 0.0
    return min(each.not_valid_after_utc.timestamp() for each in found)
