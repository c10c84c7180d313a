"""Files under any URI that Spark reads, through Hadoop's FileSystem: EMRFS or S3A where it is `s3://`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pyspark.errors import AnalysisException

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


class Files:
    """Every method takes URIs, and is safe to repeat."""

    def __init__(self, spark: SparkSession) -> None:
        self._spark = spark
        self._hadoop: Any = spark._jvm.org.apache.hadoop  # type: ignore[union-attr]  # noqa: SLF001
        self._configuration: Any = spark._jsc.hadoopConfiguration()  # noqa: SLF001

    def read_text(self, uri: str) -> str:
        """A whole file. Raises FileNotFoundError."""
        try:
            row = self._spark.read.text(uri, wholetext=True).head()
        except AnalysisException as error:
            raise FileNotFoundError(uri) from error
        return str(row[0]) if row else ""

    def names(self, folder: str) -> list[str]:
        """The names of all files in a folder and below it, hidden ones left out. Raises FileNotFoundError."""
        if not self.exists(folder):
            raise FileNotFoundError(folder)
        system, path = self._at(folder)
        found, files = [], system.listFiles(path, True)  # noqa: FBT003  recursive
        while files.hasNext():
            found.append(files.next().getPath().getName())
        return sorted(name for name in found if not name.startswith(("_", ".")) and not name.endswith("_$folder$"))

    def exists(self, uri: str) -> bool:
        """Whether there is such a file or folder."""
        system, path = self._at(uri)
        return bool(system.exists(path))

    def delete(self, uri: str) -> None:
        """Deletes a folder with all that is in it; nothing where there is none."""
        system, path = self._at(uri)
        system.delete(path, True)  # noqa: FBT003  recursive

    def move(self, source: str, destination: str) -> None:
        """Moves a folder to where there is none; on S3 by a copy and a deletion of every object. Raises OSError."""
        system, path = self._at(source)
        target = self._hadoop.fs.Path(destination)
        system.mkdirs(target.getParent())
        if not system.rename(path, target):
            raise OSError(f"{source} could not be moved to {destination}")

    def _at(self, uri: str) -> tuple[Any, Any]:
        path = self._hadoop.fs.Path(uri)
        return path.getFileSystem(self._configuration), path
