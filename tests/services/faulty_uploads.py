"""The half of the misbehaving S3 server of faulty_s3.py that is written to: objects, multipart uploads, deletes."""

from __future__ import annotations

import re
from collections.abc import Mapping
from urllib.parse import unquote
from xml.sax.saxutils import escape

from tests.services.faulty_answers import Answers
from tests.services.faulty_state import Stored


class Uploads(Answers):
    """A handler that takes what is written."""

    def do_PUT(self) -> None:  # noqa: N802  # http.server's name
        """CreateBucket, PutObject, UploadPart."""
        bucket, key, query = self.target()
        data = self.body()
        if self.state.put_error is not None:
            self.refuse(*self.state.put_error)
        elif not key:
            self.state.buckets.setdefault(bucket, {})
            self.answer(200, b"")
        elif "uploadId" in query:
            if query["uploadId"] not in self.state.uploads:
                self.refuse(404, "NoSuchUpload")
                return
            self.state.uploads[query["uploadId"]][2][int(query["partNumber"])] = data
            self.answer(200, b"", {"ETag": Stored(data).etag})
        else:
            self.state.put(bucket, key, data)
            self.answer(200, b"", {"ETag": Stored(data).etag})

    def do_POST(self) -> None:  # noqa: N802  # http.server's name
        """CreateMultipartUpload, CompleteMultipartUpload, DeleteObjects."""
        bucket, key, query = self.target()
        body = self.body().decode()
        if self.state.put_error is not None and "delete" not in query:
            self.refuse(*self.state.put_error)
        elif "delete" in query:
            for name in re.findall(r"<Key>(.*?)</Key>", body):
                self.state.buckets[bucket].pop(unquote(name), None)
            self.xml("<DeleteResult/>")
        elif "uploads" in query:
            upload = f"upload-{next(self.state.ids)}"
            self.state.uploads[upload] = (bucket, key, {})
            self.xml(f"<InitiateMultipartUploadResult><UploadId>{upload}</UploadId></InitiateMultipartUploadResult>")
        else:
            held = self.state.uploads.pop(query["uploadId"], None)
            if held is None:
                self.refuse(404, "NoSuchUpload")
                return
            numbers = [int(number) for number in re.findall(r"<PartNumber>(\d+)</PartNumber>", body)]
            self.state.put(bucket, key, b"".join(held[2][number] for number in numbers))
            self.xml("<CompleteMultipartUploadResult><ETag>x</ETag></CompleteMultipartUploadResult>")

    def do_DELETE(self) -> None:  # noqa: N802  # http.server's name
        """AbortMultipartUpload, DeleteObject."""
        bucket, key, query = self.target()
        if "uploadId" in query:
            self.state.uploads.pop(query["uploadId"], None)
        else:
            self.state.buckets[bucket].pop(key, None)
        self.answer(204, b"")

    def list_uploads(self, bucket: str, query: Mapping[str, str]) -> None:
        """ListMultipartUploads."""
        entries = "".join(
            f"<Upload><Key>{escape(key)}</Key><UploadId>{upload}</UploadId></Upload>"
            for upload, (of, key, _) in self.state.uploads.items()
            if of == bucket and key.startswith(query.get("prefix", ""))
        )
        self.xml(f"<ListMultipartUploadsResult><IsTruncated>false</IsTruncated>{entries}</ListMultipartUploadsResult>")

    def list_parts(self, upload: str) -> None:
        """ListParts."""
        if upload not in self.state.uploads:
            self.refuse(404, "NoSuchUpload")
            return
        entries = "".join(
            f"<Part><PartNumber>{number}</PartNumber><Size>{len(data)}</Size>"
            f"<ETag>{escape(Stored(data).etag)}</ETag></Part>"
            for number, data in sorted(self.state.uploads[upload][2].items())
        )
        self.xml(f"<ListPartsResult><IsTruncated>false</IsTruncated>{entries}</ListPartsResult>")
