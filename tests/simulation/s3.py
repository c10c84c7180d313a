"""S3: strongly consistent, versions, conditions, listings in pages."""

from __future__ import annotations

import io
import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import md5
from types import SimpleNamespace
from typing import Any

from tests.simulation.world import World, error

PAGE = 3  # S3's is 1,000; small here, so that every listing has several


@dataclass(frozen=True)
class Stored:
    """One version of an object."""

    body: bytes
    version: str
    modified: datetime
    metadata: dict[str, str] = field(default_factory=dict)

    @property
    def etag(self) -> str:
        return f'"{md5(self.body, usedforsecurity=False).hexdigest()}"'


@dataclass
class S3:
    """`written(bucket, key)` hears of every change. The buckets hold the latest versions, `versions` all of them."""

    world: World
    written: Callable[[str, str], None]
    buckets: dict[str, dict[str, Stored]] = field(default_factory=dict)
    versions: dict[tuple[str, str, str], Stored] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._numbers = itertools.count(1)
        self._hooks: dict[str, list[Callable[..., None]]] = {}
        self.meta = SimpleNamespace(events=SimpleNamespace(register=self._register, unregister=self._unregister))

    def _register(self, name: str, hook: Callable[..., None]) -> None:
        self._hooks.setdefault(name, []).append(hook)

    def _unregister(self, name: str, hook: Callable[..., None]) -> None:
        self._hooks[name].remove(hook)

    def store(self, bucket: str, key: str, body: bytes, **metadata: str) -> str:
        """Returns the new version."""
        stored = Stored(body, f"v{next(self._numbers)}", self.world.now, metadata)
        self.buckets.setdefault(bucket, {})[key] = self.versions[bucket, key, stored.version] = stored
        self.written(bucket, key)
        return stored.version

    def keys(self, bucket: str, prefix: str = "") -> list[str]:
        return sorted(key for key in self.buckets.get(bucket, {}) if key.startswith(prefix))

    def _find(self, bucket: str, key: str, version: str | None, *, missing: str) -> Stored:
        found = self.versions.get((bucket, key, version)) if version else self.buckets.get(bucket, {}).get(key)
        if found is None:
            raise error(missing, "S3")
        return found

    # ── the API ──

    def head_object(self, *, Bucket: str, Key: str, VersionId: str | None = None) -> dict[str, Any]:  # noqa: N803
        def effect() -> dict[str, Any]:
            return self._described(self._find(Bucket, Key, VersionId, missing="404"))

        return self.world.call(f"s3.head_object {Key}", effect)

    @staticmethod
    def _described(found: Stored) -> dict[str, Any]:
        return {
            "ETag": found.etag,
            "VersionId": found.version,
            "ContentLength": len(found.body),
            "LastModified": found.modified.replace(microsecond=0),
            "Metadata": dict(found.metadata),
        }

    def get_object(self, *, Bucket: str, Key: str, **how: str) -> dict[str, Any]:  # noqa: N803
        def effect() -> dict[str, Any]:
            found = self._find(Bucket, Key, how.get("VersionId"), missing="NoSuchKey")
            if how.get("IfMatch", found.etag) != found.etag:
                raise error("PreconditionFailed", "GetObject")
            body = found.body
            if "Range" in how:
                first, last = map(int, how["Range"].removeprefix("bytes=").split("-"))
                body = body[first : last + 1]
            return {"Body": io.BytesIO(body), **self._described(found)}

        return self.world.call(f"s3.get_object {Key}", effect)

    def put_object(
        self,
        *,
        Bucket: str,  # noqa: N803
        Key: str,  # noqa: N803
        Body: bytes,  # noqa: N803
        ContentType: str = "",  # noqa: N803
        **condition: str,
    ) -> dict[str, Any]:
        def effect() -> dict[str, Any]:
            self._refuse(Bucket, Key, condition, "PutObject")
            self.store(Bucket, Key, Body)
            return {}

        return self.world.call(f"s3.put_object {Key}", effect)

    def _refuse(self, bucket: str, key: str, condition: dict[str, str], operation: str) -> None:
        there = self.buckets.get(bucket, {}).get(key)
        if condition.get("IfNoneMatch") == "*" and there:
            raise error("PreconditionFailed", operation)
        if "IfMatch" in condition:
            if there is None:
                raise error("NoSuchKey", operation)
            if there.etag != condition["IfMatch"]:
                raise error("PreconditionFailed", operation)

    def copy(
        self,
        CopySource: dict[str, str],  # noqa: N803
        Bucket: str,  # noqa: N803
        Key: str,  # noqa: N803
        ExtraArgs: dict[str, Any],  # noqa: N803
        Config: object,  # noqa: N803
    ) -> None:
        """boto3's, for objects below its threshold: HeadObject, then CopyObject."""
        self.head_object(**CopySource)
        self.copy_object(CopySource=CopySource, Bucket=Bucket, Key=Key, **ExtraArgs)

    def copy_object(
        self,
        *,
        CopySource: dict[str, str],  # noqa: N803
        Bucket: str,  # noqa: N803
        Key: str,  # noqa: N803
        **how: Any,
    ) -> None:
        condition: dict[str, Any] = {}
        for hook in self._hooks.get("provide-client-params.s3.CopyObject", []):
            hook(params=condition)

        def effect() -> None:
            found = self._find(CopySource["Bucket"], CopySource["Key"], CopySource.get("VersionId"), missing="NoSuchKey")
            if how.get("CopySourceIfMatch", found.etag) != found.etag:
                raise error("PreconditionFailed", "CopyObject")
            self._refuse(Bucket, Key, condition, "CopyObject")
            self.store(Bucket, Key, found.body, **how.get("Metadata", {}))

        self.world.call(f"s3.copy_object {Key}", effect)

    def delete_objects(self, *, Bucket: str, Delete: dict[str, Any]) -> dict[str, Any]:  # noqa: N803
        def effect() -> dict[str, Any]:
            for item in Delete["Objects"]:
                if self.buckets.get(Bucket, {}).pop(item["Key"], None):
                    self.written(Bucket, item["Key"])
            return {}

        return self.world.call(f"s3.delete_objects {len(Delete['Objects'])}", effect)

    def get_paginator(self, operation: str) -> SimpleNamespace:
        assert operation == "list_objects_v2"
        return SimpleNamespace(paginate=self._pages)

    def _pages(self, *, Bucket: str, Prefix: str) -> Iterator[dict[str, Any]]:  # noqa: N803
        after = ""
        while True:

            def effect(after: str = after) -> list[dict[str, Any]]:
                keys = [key for key in self.keys(Bucket, Prefix) if key > after]
                return [{"Key": key, "Size": len(self.buckets[Bucket][key].body)} for key in keys[: PAGE + 1]]

            found = self.world.call(f"s3.list_objects_v2 {Prefix}", effect)
            yield {"Contents": found[:PAGE]} if found else {}
            if len(found) <= PAGE:
                return
            after = found[PAGE - 1]["Key"]
