"""The metrics of every deployable, in POWERTOOLS_METRICS_NAMESPACE; their dimension `service` is POWERTOOLS_SERVICE_NAME.

They are written as log lines in CloudWatch's embedded metric format.
https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format.html
"""

import json
import os
import sys
from functools import cache

from aws_lambda_powertools import Metrics
from aws_lambda_powertools.metrics import MetricUnit


@cache
def _metrics() -> Metrics:
    """Made with the first metric, since importing needs no environment. Without a namespace Powertools refuses to write."""
    return Metrics(namespace=os.environ.get("POWERTOOLS_METRICS_NAMESPACE", "Ingestion"))


def count(name: str, value: float = 1) -> None:
    """Adds to a metric without a unit other than Count."""
    _metrics().add_metric(name=name, unit=MetricUnit.Count, value=value)


def seconds(name: str, value: float) -> None:
    """Adds a duration."""
    _metrics().add_metric(name=name, unit=MetricUnit.Seconds, value=value)


def size(name: str, value: float) -> None:
    """Adds a number of bytes."""
    _metrics().add_metric(name=name, unit=MetricUnit.Bytes, value=value)


def flush() -> None:
    """Writes what was added, if anything was."""
    metrics = _metrics()
    if metrics.metric_set:
        # In one write, as log lines are: Powertools' own flush writes the line break apart, and a thread may log between.
        sys.stdout.write(json.dumps(metrics.serialize_metric_set(), separators=(",", ":")) + "\n")
        metrics.clear_metrics()
