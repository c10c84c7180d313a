"""Draws bench/results.json as bench/results.svg; run by `make bench` with the matplotlib of requirements/bench.txt."""

import json
from pathlib import Path

import matplotlib as mpl

mpl.use("svg")
mpl.rcParams["svg.hashsalt"] = "liberator"
import matplotlib.pyplot as plt  # noqa: E402

HERE = Path(__file__).parent


def main() -> None:
    results = json.loads((HERE / "results.json").read_text())["results"]
    rows = {result["name"]: [] for result in results}
    for result in results:
        rows[result["name"]] += result["rows"]
    figure, axes = plt.subplots(4, 2, figsize=(12, 17), constrained_layout=True)
    _loading(axes[0][0], rows["loading"], "oltp", "Loading 8 tables of 250,000 rows")
    _loading(axes[0][1], rows["loading"], "sample", "Loading the sample at 20 times its size")
    _copying(axes[1][0], rows["copy_export"])
    _waiting(axes[1][1], rows["waiting"])
    _growth(axes[2][0], rows["growth"], "seconds", "Growth: seconds")
    _growth(axes[2][1], rows["growth"], "peak_megabytes", "Growth: peak memory, MB")
    _sweep(axes[3][0], rows["sweep"])
    _bars(
        axes[3][1],
        [f"{row['way']}, {row['files']}" for row in rows["ingest"]],
        [row["ratio"] for row in rows["ingest"]],
        "Reading a batch of Cubic",
        "times as fast as plain Spark",
    )
    figure.savefig(HERE / "results.svg", metadata={"Date": None})


def _bars(axis: plt.Axes, names: list[str], values: list[float], title: str, unit: str) -> None:
    colours = ["tab:blue" if name.startswith(("loader", "ours", "both")) else "lightgrey" for name in names]
    bars = axis.barh(names[::-1], values[::-1], color=colours[::-1])
    axis.bar_label(bars, fmt="%.2f", padding=3)
    axis.margins(x=0.12)
    axis.set_title(title)
    axis.set_xlabel(unit)


def _loading(axis: plt.Axes, rows: list[dict], which: str, title: str) -> None:
    mine = [row for row in rows if row["input"].startswith(which)]
    _bars(axis, [r["way"] for r in mine], [r["ratio"] for r in mine], title, "times as fast as unzip -p | mariadb")


def _copying(axis: plt.Axes, rows: list[dict]) -> None:
    mine = [r for r in rows if r["input"] == "small" and not r.get("failed") and r["way"] != "one by one"]
    title = "Copying 5,000 objects of 1 MB, 50 ms a request"
    _bars(axis, [r["way"] for r in mine], [r["seconds"] for r in mine], title, "seconds")


def _waiting(axis: plt.Axes, rows: list[dict]) -> None:
    mine = [row for row in rows if row["never"] == 0]
    names = [f"{row['way']}, {row['lost']:.0%} of events lost" for row in mine]
    _bars(
        axis,
        names,
        [row["wait_minutes"]["p99"] for row in mine],
        "From a complete export to its copy",
        "minutes, 99th percentile",
    )


def _sweep(axis: plt.Axes, rows: list[dict]) -> None:
    shown = [(way, row) for way in ("ours", "all keys") for row in rows]
    names = [f"{way}, {row['there']:,} there of {row['there'] + row['history']:,} ever" for way, row in shown]
    _bars(axis, names, [row[way] for way, row in shown], "A sweep of Incoming", "seconds")


def _growth(axis: plt.Axes, rows: list[dict], value: str, title: str) -> None:
    for part in dict.fromkeys(row["part"] for row in rows):
        mine = [row for row in rows if row["part"] == part and "factor" in row]
        axis.plot([row["factor"] for row in mine], [row[value] for row in mine], marker="o", label=part)
    axis.set_xscale("log")
    if value == "seconds":
        axis.set_yscale("log")
    else:
        axis.set_ylim(bottom=0)
    axis.set_xticks([1, 3, 10, 30], ["1", "3", "10", "30"])
    axis.set_xlabel("times the input")
    axis.set_title(title)
    axis.legend()


if __name__ == "__main__":
    main()
