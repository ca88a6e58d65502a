"""What bytes are, judged by how they begin: a file's name decides nothing alone. Pure."""

_SIGNATURES: tuple[tuple[bytes, str], ...] = (
    (b"PK\x03\x04", "a ZIP archive, which is how torch.save writes pickles"),
    (b"PK\x05\x06", "an empty ZIP archive"),
    (b"\x80\x02", "a pickle"),
    (b"\x80\x03", "a pickle"),
    (b"\x80\x04", "a pickle"),
    (b"\x80\x05", "a pickle"),
    (b"GGUF", "a GGUF file"),
    (b"GGML", "a GGML file"),
    (b"\x1f\x8b", "a gzip archive"),
    (b"BZh", "a bzip2 archive"),
    (b"\xfd7zXZ\x00", "an xz archive"),
    (b"\x28\xb5\x2f\xfd", "a Zstandard archive"),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive"),
    (b"\x89HDF\r\n\x1a\n", "an HDF5 file"),
    (b"\x7fELF", "a program"),
    (b"MZ\x90\x00", "a program"),
    (b"%PDF-", "a PDF document"),
    (b"\x89PNG", "an image"),
    (b"\xff\xd8\xff", "an image"),
    (b"version https://git-lfs", "a Git LFS pointer in place of the file that it stands for"),
    (b"<!DOCTYPE html", "a web page"),
    (b"<!doctype html", "a web page"),
    (b"<html", "a web page"),
    (b"<?xml", "an XML document, perhaps an error that a store answered with"),
)

_TAR_MAGIC_AT = 257

SNIFF_BYTES = 512
"""How much of a file's beginning is enough to know it."""

LFS_CURE = "Run `git lfs pull` (or download the file itself) and upload the result."


def sniff(head: bytes) -> str | None:
    """Returns what the beginning of a file gives away, in words, or None when it is nothing that is known here."""
    for signature, meaning in _SIGNATURES:
        if head.startswith(signature):
            return meaning
    if head[_TAR_MAGIC_AT : _TAR_MAGIC_AT + 5] == b"ustar":
        return "a tar archive"
    return None


def is_lfs_pointer(head: bytes) -> bool:
    """Whether the file was never fetched: what is there only names it."""
    return head.startswith(b"version https://git-lfs")
