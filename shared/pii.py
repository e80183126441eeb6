"""Personal data at rest and on the bus: sealed under a key of each customer, found again by a keyed index.

    index key    makes `msisdn:8613800138000` a stand-in that only its holder can compute; it never changes
    master keys  wrap the customers' keys; the newest wraps, older ones still unwrap until every key is wrapped anew
    data key     one per customer, kept only wrapped, in one table: destroying that row makes every copy unreadable

The keyring (index key and master keys) is a file outside the databases. Whoever loses it has lost all personal data.
A sealed text is `~1.<kind>.<key id>.<index>.<nonce and AES-256-GCM ciphertext>`; kind and key id are bound to it.
"""

from __future__ import annotations

import base64
import hmac
import os
import re
import secrets
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple, get_args

import orjson
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from shared.contracts.envelope import PersonalKind

ERASED = "~erased"
SEALED = "~1."
SEALED_BYTES = b"~1:"
NONCE_BYTES = 12
KEY_BYTES = 32
INDEX_BYTES = 16
# Values that stand for nothing: they say of nobody that they are the same person.
PLACEHOLDERS = frozenset({"", "-", "n/a", "na", "nil", "none", "null", "test", "unknown", "unnamed", "xxx"})
SHORTEST_NUMBER = 7
SUBJECTS_INDEXED = frozenset({"msisdn", "imsi", "imei", "document", "contact"})

Show = Callable[[PersonalKind, str], str]


class UnreadableKeys(Exception):
    """The keyring file is missing or is not one."""


class DataKey(NamedTuple):
    """A customer's own key, unwrapped."""

    key_id: str
    secret: bytes

    def seal(self, kind: PersonalKind, value: str, index: str) -> str:
        nonce = os.urandom(NONCE_BYTES)
        ciphertext = AESGCM(self.secret).encrypt(nonce, value.encode(), _bound_to(kind, self.key_id))
        return f"{SEALED}{kind}.{self.key_id}.{index}.{_text(nonce + ciphertext)}"


@dataclass(frozen=True, slots=True)
class Token:
    """A sealed text, taken apart."""

    kind: PersonalKind
    key_id: str
    index: str
    content: str

    @classmethod
    def of(cls, text: str) -> Token | None:
        """None unless `text` is sealed."""
        found = _TOKEN.fullmatch(text) if text.startswith(SEALED) else None
        return cls(_KINDS[found[1]], *found.group(2, 3, 4)) if found else None

    def open(self, key: DataKey) -> str:
        """Raises InvalidTag when the text, or what it is bound to, was altered."""
        content = _bytes(self.content)
        nonce, ciphertext = content[:NONCE_BYTES], content[NONCE_BYTES:]
        return AESGCM(key.secret).decrypt(nonce, ciphertext, _bound_to(self.kind, self.key_id)).decode()


class Keyring:
    """The index key, and the master keys by their ids; the last one wraps."""

    def __init__(self, index_key: bytes, masters: Mapping[str, bytes], path: Path | None = None) -> None:
        self._index_key, self._masters, self._path = index_key, dict(masters), path

    @property
    def master_id(self) -> str:
        """Of the master key that new and rewrapped keys are under."""
        return next(reversed(self._masters))

    @property
    def older_master_ids(self) -> list[str]:
        return list(self._masters)[:-1]

    def index(self, kind: PersonalKind, value: str) -> str:
        """The stand-in of a value: the same for the same value, computable by nobody without the index key."""
        bare = normalised(kind, value)
        # A phone number is the same one as a contact point, as the number of a subscription, and in a calling circle.
        compared_as = "msisdn" if kind == "contact" and bare.isdigit() else kind
        digest = hmac.digest(self._index_key, f"{compared_as}|{bare}".encode(), "sha256")
        return _text(digest[:INDEX_BYTES])

    def subject(self, subject: str) -> str:
        """`msisdn:8613800138000` with the index in place of the number; what is no personal identifier as it is."""
        kind, _, value = subject.partition(":")
        return f"{kind}:{self.index(_KINDS[kind], value)}" if kind in SUBJECTS_INDEXED else subject

    def seal(self, key: DataKey, kind: PersonalKind, value: str) -> str:
        """Under the customer's key, with its index where equal values say something."""
        return key.seal(kind, value, self.index(kind, value) if is_telling(kind, value) else "")

    def new_key(self) -> tuple[DataKey, bytes]:
        """A customer's key, and how it is kept: wrapped."""
        key = DataKey(secrets.token_urlsafe(12), AESGCM.generate_key(KEY_BYTES * 8))
        return key, self.wrap(key)

    def wrap(self, key: DataKey) -> bytes:
        nonce = os.urandom(NONCE_BYTES)
        return nonce + AESGCM(self._masters[self.master_id]).encrypt(nonce, key.secret, key.key_id.encode())

    def unwrap(self, key_id: str, master_id: str, wrapped: bytes) -> DataKey:
        """Raises UnreadableKeys when the master key is not on this ring."""
        secret = AESGCM(self._master(master_id)).decrypt(wrapped[:NONCE_BYTES], wrapped[NONCE_BYTES:], key_id.encode())
        return DataKey(key_id, secret)

    def refresh(self) -> None:
        """Read the file again: another process may have added a master key. Raises UnreadableKeys when it is another keyring."""
        if self._path is not None:
            now = Keyring.load(self._path)
            if now._index_key != self._index_key:
                raise UnreadableKeys(f"{self._path} is another keyring than it was")
            self._masters = now._masters

    def _master(self, master_id: str) -> bytes:
        if master_id not in self._masters:
            self.refresh()
        if master_id not in self._masters:
            raise UnreadableKeys(f"the keyring lacks the master key {master_id}")
        return self._masters[master_id]

    def mac(self, purpose: str, message: bytes) -> bytes:
        """Nobody else can compute it; it stays the same when master keys rotate."""
        return hmac.digest(_derived(self._index_key, f"mac {purpose}"), message, "sha256")

    def seal_bytes(self, content: bytes) -> bytes:
        """What is nobody's in particular, under a key derived from the newest master key: `~1:<master id>:<nonce and ciphertext>`."""
        nonce, master_id = os.urandom(NONCE_BYTES), self.master_id.encode()
        ciphertext = AESGCM(_derived(self._masters[self.master_id], "bytes")).encrypt(nonce, content, master_id)
        return SEALED_BYTES + master_id + b":" + nonce + ciphertext

    def open_bytes(self, sealed: bytes) -> bytes:
        """Raises InvalidTag when it was altered, UnreadableKeys when the master key is not on this ring."""
        master_id, _, content = sealed.removeprefix(SEALED_BYTES).partition(b":")
        key = _derived(self._master(master_id.decode("latin-1")), "bytes")
        return AESGCM(key).decrypt(content[:NONCE_BYTES], content[NONCE_BYTES:], master_id)

    @classmethod
    def load(cls, path: Path) -> Keyring:
        try:
            document = orjson.loads(path.read_bytes())
            return cls(_bytes(document["index"]), {one["id"]: _bytes(one["key"]) for one in document["masters"]}, path)
        except FileNotFoundError:
            raise UnreadableKeys(f"there is no keyring at {path}: `python -m services migrate` makes the first one") from None
        except (orjson.JSONDecodeError, KeyError, TypeError, ValueError):
            raise UnreadableKeys(f"{path} is not a keyring") from None


def create(path: Path) -> None:
    """The first keyring, readable by its owner only; an existing one is left alone."""
    if not path.exists():
        _write(path, {"index": _text(os.urandom(KEY_BYTES)), "masters": [_new_master(1)]})


def rotate(path: Path) -> str:
    """Add a master key; from now on it wraps. Its id."""
    document = orjson.loads(path.read_bytes())
    numbers = [int(one["id"][1:]) for one in document["masters"]]
    document["masters"].append(_new_master(max(numbers) + 1))
    _write(path, document)
    return str(document["masters"][-1]["id"])


def normalised(kind: PersonalKind, value: str) -> str:
    """What is compared: without the spaces, dashes and cases that people write differently."""
    folded = "".join(value.casefold().split())
    return folded.replace("-", "") if kind in {"document", "contact"} else folded


def is_telling(kind: PersonalKind, value: str) -> bool:
    """Whether two who share the value may be one person: not free text, not dates, not `null` or `000000`."""
    if kind in {"text", "date"}:
        return False
    bare = normalised(kind, value.rpartition(":")[2])
    if kind == "msisdn" and len(bare) < SHORTEST_NUMBER:
        return False  # a hotline: everybody calls it
    return bare not in PLACEHOLDERS and (len(set(bare)) > 1 or len(bare) == 1)


def key_ids(document: Any) -> set[str]:
    """Of every key that something in the document is sealed under."""
    return {token.key_id for token in map(Token.of, _texts(document)) if token}


def opened(document: Any, keys: Mapping[str, DataKey], show: Show = lambda kind, value: value) -> Any:
    """The document with every sealed text opened and passed through `show`; what no key opens reads `~erased`."""
    if isinstance(document, dict):
        return {name: opened(value, keys, show) for name, value in document.items()}
    if isinstance(document, list | tuple):
        return [opened(value, keys, show) for value in document]
    token = Token.of(document) if isinstance(document, str) else None
    if token is None:
        return document
    key = keys.get(token.key_id)
    return show(token.kind, token.open(key)) if key else ERASED


def key_ids_in(text: bytes) -> set[str]:
    """The same, of a document as JSON text."""
    return {found[2].decode() for found in _TOKEN_IN_JSON.finditer(text)}


def opened_text(text: bytes, keys: Mapping[str, DataKey], show: Show) -> bytes:
    """As `opened`, of a document as JSON text: to look at each of its values in turn would be most of an answer's time."""

    def change(found: re.Match[bytes]) -> bytes:
        return orjson.dumps(opened(found[0][1:-1].decode(), keys, show))

    return _TOKEN_IN_JSON.sub(change, text)


def mask(kind: PersonalKind, value: str) -> str:
    """Enough to recognise it by, not enough to use it: 86138****8000."""
    if kind == "date":
        return "****-**-**"  # not the year: a birthday tells the rest
    if kind == "text" or len(value) < 2:
        return "***"
    if kind == "name":
        return value[0] + "*" * min(len(value) - 1, 8)
    if kind == "document":
        label, _, number = value.rpartition(":")
        return f"{label}:{number[:2]}****{number[-2:]}" if label else f"{number[:2]}****{number[-2:]}"
    if "@" in value:
        name, _, domain = value.partition("@")
        return f"{name[:1]}***@{domain}"
    return f"{value[:-8]}****{value[-4:]}" if value.isdigit() and len(value) > 8 else f"{value[:2]}****"


def _texts(document: Any) -> Iterator[str]:
    if isinstance(document, str):
        yield document
    elif isinstance(document, dict):
        for value in document.values():
            yield from _texts(value)
    elif isinstance(document, list | tuple):
        for value in document:
            yield from _texts(value)


@lru_cache(maxsize=64)
def _derived(secret: bytes, purpose: str) -> bytes:
    return HKDF(algorithm=hashes.SHA256(), length=KEY_BYTES, salt=None, info=purpose.encode()).derive(secret)


def _bound_to(kind: str, key_id: str) -> bytes:
    return f"{kind}|{key_id}".encode()


def _new_master(number: int) -> dict[str, str]:
    return {"id": f"m{number}", "key": _text(AESGCM.generate_key(KEY_BYTES * 8))}


def _write(path: Path, document: Any) -> None:
    """In one move: a half-written keyring would be a lost one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_suffix(".new")
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(orjson.dumps(document, option=orjson.OPT_INDENT_2))
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)


def _text(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def _bytes(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


_KINDS: dict[str, PersonalKind] = {kind: kind for kind in get_args(PersonalKind)}
_PARTS = rf"~1\.({'|'.join(_KINDS)})\.([\w-]+)\.([\w-]*)\.([\w-]+)"
_TOKEN = re.compile(_PARTS, re.ASCII)
_TOKEN_IN_JSON = re.compile(f'"{_PARTS}"'.encode())

__all__ = ["ERASED", "DataKey", "InvalidTag", "Keyring", "Token", "UnreadableKeys", "create", "is_telling", "key_ids", "mask", "opened", "rotate"]
