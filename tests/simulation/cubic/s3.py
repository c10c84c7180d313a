"""S3, with all versions of an object, as Cubic's functions and its job see it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tests.simulation import s3
from tests.simulation.s3 import PAGE, Stored


class S3(s3.S3):
    """Every bucket keeps versions. `on_deleted(bucket, key, version)` hears of one before it is gone."""

    on_deleted = staticmethod(lambda _bucket, _key, _version: None)

    def all_versions(self, bucket: str, prefix: str = "") -> list[tuple[str, Stored]]:
        """By key, and of one key the latest first."""
        found = [(key, v) for (b, key, _), v in reversed(self.versions.items()) if b == bucket and key.startswith(prefix)]
        return sorted(found, key=lambda it: it[0])

    def forget(self, bucket: str, key: str, version: str) -> None:
        """Deletes one version; the one before it is the latest then."""
        if (bucket, key, version) not in self.versions:
            return
        self.on_deleted(bucket, key, version)
        del self.versions[bucket, key, version]
        left = [stored for name, stored in self.all_versions(bucket, key) if name == key]
        if left:
            self.buckets[bucket][key] = left[0]
        else:
            self.buckets[bucket].pop(key, None)

    # ── the API ──

    def put_object(self, *, Bucket: str, Key: str, Body: bytes, ContentType: str = "", **condition: str) -> dict[str, Any]:  # noqa: N803
        def effect() -> dict[str, Any]:
            self._refuse(Bucket, Key, condition, "PutObject")
            return {"VersionId": self.store(Bucket, Key, Body)}

        return self.world.call(f"s3.put_object {Key}", effect)

    def delete_object(self, *, Bucket: str, Key: str, VersionId: str) -> None:  # noqa: N803
        self.world.call(f"s3.delete_object {Key}", lambda: self.forget(Bucket, Key, VersionId))

    def delete_objects(self, *, Bucket: str, Delete: dict[str, Any]) -> dict[str, Any]:  # noqa: N803
        def effect() -> dict[str, Any]:
            for item in Delete["Objects"]:
                for key, stored in self.all_versions(Bucket, item["Key"]):
                    if key == item["Key"]:
                        self.forget(Bucket, key, stored.version)
            return {}

        return self.world.call(f"s3.delete_objects {len(Delete['Objects'])}", effect)

    def list_object_versions(
        self,
        *,
        Bucket: str,  # noqa: N803
        Prefix: str,  # noqa: N803
        KeyMarker: str = "",  # noqa: N803
        VersionIdMarker: str = "",  # noqa: N803
    ) -> dict[str, Any]:
        def effect() -> dict[str, Any]:
            found = self.all_versions(Bucket, Prefix)
            if KeyMarker:
                after = [n for n, (key, v) in enumerate(found) if (key, v.version) == (KeyMarker, VersionIdMarker)]
                # Gone since: S3 goes on with the next key.
                found = found[after[0] + 1 :] if after else [it for it in found if it[0] > KeyMarker]
            page = found[:PAGE]
            answer: dict[str, Any] = {
                "Versions": [
                    {
                        "Key": key,
                        "VersionId": stored.version,
                        "LastModified": stored.modified.replace(microsecond=0),
                        "Size": len(stored.body),
                        "ETag": stored.etag,
                    }
                    for key, stored in page
                ],
                "IsTruncated": len(found) > PAGE,
            }
            if answer["IsTruncated"]:
                answer |= {"NextKeyMarker": page[-1][0], "NextVersionIdMarker": page[-1][1].version}
            return answer

        return self.world.call(f"s3.list_object_versions {Prefix}", effect)

    def _pages(self, *, Bucket: str, Prefix: str) -> Iterator[dict[str, Any]]:  # noqa: N803
        for page in super()._pages(Bucket=Bucket, Prefix=Prefix):
            there = self.buckets.get(Bucket, {})
            yield {
                "Contents": [
                    {**it, "LastModified": there[it["Key"]].modified}
                    for it in page.get("Contents", [])
                    if it["Key"] in there
                ]
            }
