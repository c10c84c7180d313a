import json
from typing import Any

import pytest

from ingestion import telemetry


def test_a_metric_is_a_log_line_that_cloudwatch_reads(capsys: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POWERTOOLS_SERVICE_NAME", "copier")
    monkeypatch.setenv("POWERTOOLS_METRICS_NAMESPACE", "LiberatorIngestion/some-stack")
    telemetry._metrics.cache_clear()  # noqa: SLF001
    telemetry.flush()
    capsys.readouterr()  # what other tests measured
    telemetry.flush()
    assert capsys.readouterr().out == "", "nothing was measured"
    telemetry.count("Polls")
    telemetry.size("BytesLanded", 5)
    telemetry.flush()
    line = json.loads(capsys.readouterr().out)
    [declared] = line["_aws"]["CloudWatchMetrics"]
    assert declared["Namespace"] == "LiberatorIngestion/some-stack"
    assert {(m["Name"], m["Unit"]) for m in declared["Metrics"]} == {("Polls", "Count"), ("BytesLanded", "Bytes")}
    assert (line["Polls"], line["BytesLanded"]) == ([1.0], [5.0])
    telemetry.flush()
    assert capsys.readouterr().out == "", "each is written once"
    telemetry._metrics.cache_clear()  # noqa: SLF001


def test_a_program_that_was_given_no_namespace_does_not_fail_for_it(capsys: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("POWERTOOLS_METRICS_NAMESPACE", raising=False)
    telemetry._metrics.cache_clear()  # noqa: SLF001
    telemetry.count("RunsFailed")
    telemetry.flush()
    assert json.loads(capsys.readouterr().out)["RunsFailed"] == [1.0]
    telemetry._metrics.cache_clear()  # noqa: SLF001
