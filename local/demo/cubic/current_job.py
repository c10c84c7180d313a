"""Run in the Spark session of the Glue job: counts the rows of views, by the SQL that the catalog has of them.

The argument is a JSON file, `{view: {"sql": …, "relations": {name: [columns]}}}`. The files of each relation lie beside it,
in folders as Hive has them. The counts go to `counts.json` there. Without an argument it only starts the session.
"""

import json
import sys
from pathlib import Path

from pyspark.sql import SparkSession
from pyspark.sql.types import StringType, StructField, StructType

PARTITION = ("snapshot", "identifier")
# The view is written for Athena: its names are in double quotes.
ATHENAS = {"spark.sql.ansi.enabled": "true", "spark.sql.ansi.doubleQuotedIdentifiers": "true"}


def main(arguments: list[str]) -> None:
    spark = SparkSession.builder.getOrCreate()
    if not arguments:
        spark.sparkContext.parallelize(range(2), 2).map(str).count()  # so that its Python workers are there, too
        return
    request = Path(arguments[0])
    counts = {}
    for view, asked in json.loads(request.read_text()).items():
        session = spark.newSession()
        for setting, value in ATHENAS.items():
            session.conf.set(setting, value)
        for name, columns in asked["relations"].items():
            schema = StructType([StructField(column, StringType()) for column in (*columns, *PARTITION)])
            session.read.schema(schema).parquet(str(request.parent / name)).createOrReplaceTempView(name)
        counts[view] = session.sql(asked["sql"]).count()
    request.with_name("counts.json").write_text(json.dumps(counts))


if __name__ == "__main__":
    main(sys.argv[1:])
