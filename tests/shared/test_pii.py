"""C9: what is sealed is opened by its key alone, found by its index, and altered without being noticed by nobody."""

from __future__ import annotations

import base64
from dataclasses import replace
from pathlib import Path
from typing import Any, get_args

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared import pii
from shared.contracts.envelope import PersonalKind
from shared.pii import ERASED, DataKey, InvalidTag, Keyring, Token, UnreadableKeys

RING = Keyring(b"i" * 32, {"m1": b"1" * 32})
KEY = DataKey("k1", b"k" * 32)
KINDS: tuple[PersonalKind, ...] = get_args(PersonalKind)

kinds = st.sampled_from(KINDS)
texts = st.text(max_size=300)


def sealed(kind: PersonalKind, value: str) -> Token:
    token = Token.of(RING.seal(KEY, kind, value))
    assert token
    return token


def flipped(content: bytes, place: int) -> bytes:
    return content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :]


@given(kinds, texts)
def test_a_sealed_text_is_opened_by_its_key(kind: PersonalKind, value: str) -> None:
    """C9: what comes out is what went in, whatever it was."""
    assert sealed(kind, value).open(KEY) == value


@given(kinds, st.text(min_size=8, max_size=60, alphabet="abcdefgh0123456789"))
def test_a_sealed_text_does_not_show_the_text(kind: PersonalKind, value: str) -> None:
    """C9: neither does the same text sealed again look the same."""
    first, second = RING.seal(KEY, kind, value), RING.seal(KEY, kind, value)
    assert value not in first and first != second


@given(kinds, texts, st.data())
def test_an_altered_text_does_not_open(kind: PersonalKind, value: str, data: st.DataObject) -> None:
    """C9: one bit anywhere, another kind, another customer's key id: nothing opens."""
    token = sealed(kind, value)
    raw = base64.urlsafe_b64decode(token.content + "==")
    bent = flipped(raw, data.draw(st.integers(0, len(raw) - 1)))
    altered = replace(token, content=base64.urlsafe_b64encode(bent).decode().rstrip("="))
    other_kind = replace(token, kind=KINDS[(KINDS.index(kind) + 1) % len(KINDS)])
    for one in (altered, other_kind, replace(token, key_id="k2")):
        with pytest.raises(InvalidTag):
            one.open(KEY)
    with pytest.raises(InvalidTag):
        token.open(DataKey("k1", b"x" * 32))


@pytest.mark.parametrize(
    ("kind", "one", "other"),
    [("document", "id_card:3301 0619-9001", "ID_CARD:330106199001"), ("name", "Li  Wei", "li wei"), ("contact", "A@B.example", "a@b.example")],
)
def test_equal_values_written_differently_have_one_index(kind: PersonalKind, one: str, other: str) -> None:
    """C4 C9: the index is what equal values are found by."""
    assert RING.index(kind, one) == RING.index(kind, other)
    assert Keyring(b"j" * 32, {"m1": b"1" * 32}).index(kind, one) != RING.index(kind, one)


@given(kinds, kinds, texts, texts)
def test_different_values_have_different_indexes(kind: PersonalKind, other_kind: PersonalKind, value: str, other: str) -> None:
    """C4: an index never says that two are one who are not."""
    same = kind == other_kind and pii.normalised(kind, value) == pii.normalised(other_kind, other)
    assert (RING.index(kind, value) == RING.index(other_kind, other)) == same


@pytest.mark.parametrize("value", ["null", "N/A", "000000", "id_card:0000000000", "", "xxx"])
def test_what_stands_for_nothing_has_no_index(value: str) -> None:
    """C4: two customers without a document are not one person."""
    assert sealed("document", value).index == ""


def test_dates_and_free_text_have_no_index() -> None:
    """C4: a birthday says of nobody who they are."""
    assert sealed("date", "1990-01-01").index == sealed("text", "spoke with her brother").index == ""


@given(st.recursive(st.none() | st.integers() | st.text(max_size=20), lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner)))
def test_opening_a_document_changes_nothing_else(document: Any) -> None:
    """C9: what is not sealed passes as it is."""
    assert pii.opened(document, {}) == document


def test_a_document_opens_with_the_keys_there_are() -> None:
    """C9: what no key opens reads as erased, and the rest stays readable."""
    other = DataKey("k2", b"o" * 32)
    document = {"name": RING.seal(KEY, "name", "Li Wei"), "numbers": [RING.seal(other, "msisdn", "8613800138000")], "brand": "gotone"}
    assert pii.key_ids(document) == {"k1", "k2"}
    assert pii.opened(document, {"k1": KEY}) == {"name": "Li Wei", "numbers": [ERASED], "brand": "gotone"}
    assert pii.opened(document, {"k1": KEY, "k2": other}, pii.mask) == {"name": "L*****", "numbers": ["86138****8000"], "brand": "gotone"}


@given(kinds, st.text("abc123@:", min_size=1, max_size=40))
def test_a_mask_never_shows_the_value(kind: PersonalKind, value: str) -> None:
    """C9: enough to recognise it by, not enough to use it."""
    assert "*" in pii.mask(kind, value)
    assert len(value) < 2 or pii.mask(kind, value) != value


def test_keys_survive_rotation(tmp_path: Path) -> None:
    """C9: the newest master wraps, older ones still unwrap, and the index does not change."""
    path = tmp_path / "keyring.json"
    pii.create(path)
    before = Keyring.load(path)
    key, wrapped = before.new_key()
    assert pii.rotate(path) == "m2"
    after = Keyring.load(path)
    assert after.unwrap(key.key_id, "m1", wrapped) == key
    assert after.unwrap(key.key_id, "m2", after.wrap(key)) == key
    assert after.index("name", "Li Wei") == before.index("name", "Li Wei")


def test_a_running_process_notices_a_rotation(tmp_path: Path) -> None:
    """C9: who meets a key under a master it does not know reads the file again."""
    path = tmp_path / "keyring.json"
    pii.create(path)
    running = Keyring.load(path)
    pii.rotate(path)
    key, wrapped = Keyring.load(path).new_key()
    assert running.unwrap(key.key_id, "m2", wrapped) == key
    assert running.master_id == "m2"


def test_another_keyring_in_the_files_place_is_refused(tmp_path: Path) -> None:
    """C9: the keys a process still holds are not thrown away for those of a stranger."""
    path = tmp_path / "keyring.json"
    pii.create(path)
    running = Keyring.load(path)
    path.unlink()
    pii.create(path)
    with pytest.raises(UnreadableKeys, match="another keyring"):
        running.refresh()
    assert running.open_bytes(running.seal_bytes(b"still")) == b"still"


def test_a_wrapped_key_opens_under_its_own_name_only() -> None:
    """C9: a key row can not be given to another customer's texts."""
    key, wrapped = RING.new_key()
    with pytest.raises(InvalidTag):
        RING.unwrap("k9", "m1", wrapped)
    with pytest.raises(UnreadableKeys, match="lacks the master key m7"):
        RING.unwrap(key.key_id, "m7", wrapped)


def test_the_keyring_is_readable_by_its_owner_only(tmp_path: Path) -> None:
    """C9: and an existing one is left alone."""
    path = tmp_path / "keys" / "keyring.json"
    pii.create(path)
    assert path.stat().st_mode & 0o777 == 0o600
    first = path.read_bytes()
    pii.create(path)
    assert path.read_bytes() == first


@pytest.mark.parametrize("content", [b"", b"{}", b"[]", b'{"index": 1, "masters": []}', b"\x80 not even text"])
def test_what_is_no_keyring_is_said_so(tmp_path: Path, content: bytes) -> None:
    """C9: with the way out in the message."""
    path = tmp_path / "keyring.json"
    with pytest.raises(UnreadableKeys, match="migrate"):
        Keyring.load(path)
    path.write_bytes(content)
    with pytest.raises(UnreadableKeys, match="is not a keyring"):
        Keyring.load(path)


@given(st.binary(max_size=500))
def test_sealed_bytes_open_under_every_master_there_was(content: bytes) -> None:
    """C9: records set aside before a rotation are readable after it."""
    rotated = Keyring(b"i" * 32, {"m1": b"1" * 32, "m2": b"2" * 32})
    assert rotated.open_bytes(RING.seal_bytes(content)) == content
    assert rotated.open_bytes(rotated.seal_bytes(content)) == content
    with pytest.raises(UnreadableKeys):
        RING.open_bytes(rotated.seal_bytes(content))


@given(st.binary(min_size=1, max_size=100), st.data())
def test_altered_bytes_do_not_open(content: bytes, data: st.DataObject) -> None:
    """C9: one bit of nonce or ciphertext is enough."""
    one = RING.seal_bytes(content)
    place = data.draw(st.integers(len(b"~1:m1:"), len(one) - 1))
    with pytest.raises(InvalidTag):
        RING.open_bytes(flipped(one, place))


def test_a_seal_over_a_message_is_this_keyrings_and_this_purposes() -> None:
    """C11: nobody without the keyring can make the audit log's hashes."""
    other = Keyring(b"j" * 32, {"m1": b"1" * 32})
    assert len({RING.mac("audit", b"x"), RING.mac("audit", b"y"), RING.mac("other", b"x"), other.mac("audit", b"x")}) == 4
    assert Keyring(b"i" * 32, {"m2": b"2" * 32}).mac("audit", b"x") == RING.mac("audit", b"x")


def test_tokens_are_json_safe_texts() -> None:
    """C9: a token stands where the text stood, in any JSON document."""
    token = RING.seal(KEY, "name", 'Li "Wei"\n')
    assert orjson.loads(orjson.dumps(token)) == token and token.isascii() and len(token.split(".")) == 5


@given(st.lists(st.tuples(kinds, texts), max_size=5), st.lists(st.text(), max_size=3))
def test_a_document_is_opened_as_text_as_it_is_piece_by_piece(personal: list[tuple[PersonalKind, str]], plain: list[str]) -> None:
    """C9: what is no sealed text, or only looks like one, stays as it is."""
    document = {"a": [RING.seal(KEY, kind, value) for kind, value in personal], "b": {"c": plain, "d": "~1.nothing", "e": "~1.name.k2.i.AAAA", "f": None}}
    text = orjson.dumps(document)
    assert pii.key_ids_in(text) == pii.key_ids(document)
    assert orjson.loads(pii.opened_text(text, {"k1": KEY}, pii.mask)) == pii.opened(document, {"k1": KEY}, pii.mask)
