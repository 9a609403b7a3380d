"""Tokens that stand for nobody: by what is wrong with each, the token and a piece of why it is not believed.

All but the first are made of a sound one, signed by a key that is published where that is possible, so that what is
wrong with them is the only thing.
"""

import hashlib
import hmac
import json
from dataclasses import dataclass
from typing import Any

from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from tests.provider import AUDIENCE, Key, part
from tests.spec import MORNING

NOW = int(MORNING.timestamp())
ED, EC, RSA = Key.made("ed"), Key.made("ec", "ES256"), Key.made("rsa", "RS256")
GOOD = (ED, EC, RSA)
#: A stranger's, under the name of another.
OTHER = Key.made("ed")
SHORT = Key("short", "RS256", rsa.generate_private_key(65537, 1024))
SECRET = b"a secret that was never agreed on, 32+"
#: Published beside the good keys, and of no use.
USELESS: list[dict[str, Any]] = [
    SHORT.jwk,
    ED.jwk | {"kid": "enc", "use": "enc"},
    ED.jwk | {"kid": "ops", "key_ops": ["sign"]},
    RSA.jwk | {"kid": "rs512", "alg": "RS512"},
    EC.jwk | {"kid": "confused", "alg": "EdDSA"},
    ED.jwk | {"kid": "broken", "x": "AAAA"},
    EC.jwk | {"kid": "off the curve", "x": EC.jwk["y"]},
    {"kty": "oct", "kid": "oct", "k": part(SECRET)},
    {"kty": "OKP", "crv": "Ed448", "kid": "ed448", "x": "AAAA"},
    {"kty": "RSA", "kid": 5, "n": "AQAB", "e": "AQAB"},
    {"kty": "EC", "crv": "P-256", "x": RSA.jwk["n"], "y": "AQAB"},
    {"nothing": True},
]

Bad = dict[str, tuple[str, str]]


def claims(issuer: str, **said: Any) -> dict[str, Any]:
    """What a sound token says, with what the test says instead; None leaves a claim out."""
    sound = {"iss": issuer, "aud": AUDIENCE, "sub": "maya-sso", "iat": NOW, "exp": NOW + 600, "auth_time": NOW - 60}
    return {name: value for name, value in (sound | said).items() if value is not None}


def bad_tokens(issuer: str) -> Bad:
    """All of them, for a provider that publishes the good keys and the useless ones."""
    sound = Sound(claims(issuer))
    kinds = (_of_parts, _of_headers, _of_bodies, _of_algorithms, _of_signatures, _of_kids, _of_types, _of_claims)
    found = [each for kind in kinds for each in kind(sound).items()]
    assert len({what for what, _ in found}) == len(found)
    return dict(found)


@dataclass(frozen=True, slots=True)
class Sound:
    """A sound token, to be spoilt."""

    claims: dict[str, Any]

    @property
    def head(self) -> dict[str, Any]:
        return {"alg": "EdDSA", "kid": "ed", "typ": "at+jwt"}

    @property
    def parts(self) -> tuple[str, str, str]:
        header, body, signature = ED.signed(self.claims).split(".")
        return header, body, signature

    def resigned(self, head: Any, body: Any = None) -> str:
        """Parts signed as they are, which no library would write."""
        told = f"{part(head)}.{part(self.claims if body is None else body)}"
        return f"{told}.{part(ED.private.sign(told.encode()))}"

    def hmac(self, secret: bytes, **head: str) -> str:
        told = f"{part(self.head | head)}.{part(self.claims)}"
        return f"{told}.{part(hmac.digest(secret, told.encode(), hashlib.sha256))}"

    def short(self) -> str:
        told = f"{part({'alg': 'RS256', 'kid': 'short'})}.{part(self.claims)}"
        return f"{told}.{part(SHORT.private.sign(told.encode(), padding.PKCS1v15(), SHA256()))}"


def _of_parts(sound: Sound) -> Bad:
    h, b, s = sound.parts
    spare = s[:-1] + chr(ord(s[-1]) + 1)  # of the last letter two bits count, and its neighbour differs in the others
    tokens = {
        "a word": "maya",
        "one part": h,
        "two parts": f"{h}.{b}",
        "four parts": f"{h}.{b}.{s}.{s}",
        "five parts, as of an encrypted one": f"{h}.{s}.{b}.{s}.{s}",
        "no header": f".{b}.{s}",
        "no body": f"{h}..{s}",
        "no signature": f"{h}.{b}.",
        "points alone": "..",
        "padding": f"{h}.{b}.{s}==",
        "padding of the header": f"{h}=.{b}.{s}",
        "the other alphabet": f"{h}.{b}.{s[:-2]}+/",
        "a line break": f"{h}.{b}.{s}\n",
        "a blank within": f"{h}.{b[:9]} {b[9:]}.{s}",
        "percent signs": f"{h}.{b}.{s[:-3]}%2e",
        "letters of another script": f"{h}.{b}.{s[:-1]}\u0435",
        "JSON instead of base64url": json.dumps(sound.head) + "." + json.dumps(sound.claims) + ".x",
    }
    crypto = {"bits behind the signature": f"{h}.{b}.{spare}", "a part of impossible length": f"{h}.{b}.{s}AAA"}
    return {what: (token, "three parts") for what, token in tokens.items()} | {
        what: (token, "Invalid crypto padding") for what, token in crypto.items()
    }


def _of_headers(sound: Sound) -> Bad:
    head = json.dumps(sound.head).encode()
    raw = {
        "a header that is no JSON": (b"{alg:EdDSA}", "JSONDecodeError"),
        "a header that is a list": (b'["EdDSA"]', "no object"),
        "a header that is null": (b"null", "no object"),
        "a header of bytes": (b"\xff\xfe\x00", "UnicodeDecodeError"),
        "a header in UTF-16": (head.decode().encode("utf-16"), "UnicodeDecodeError"),
        "a header with a mark before it": (b"\xef\xbb\xbf" + head, "BOM"),
        "a header without end": (b'{"a":' * 900, "Error"),
        "a header with two keys": (b'{"alg":"EdDSA","kid":"none","kid":"ed"}', "said twice"),
        "a header with two algorithms": (b'{"alg":"none","alg":"EdDSA","kid":"ed"}', "said twice"),
    }
    brought = {
        "jku": "http://127.0.0.1:1/jwks",
        "x5u": "http://127.0.0.1:1/chain",
        "x5c": ["MIIB"],
        "jwk": ED.jwk,
        "crit": ["exp"],
        "b64": False,
    }
    return {what: (sound.resigned(header), why) for what, (header, why) in raw.items()} | {
        f"{name} in the header": (sound.resigned(sound.head | {name: value}), "brings what it must not")
        for name, value in brought.items()
    }


def _of_bodies(sound: Sound) -> Bad:
    text, end = json.dumps(sound.claims), str(sound.claims["exp"])
    raw: dict[str, tuple[Any, str]] = {
        "a body that is no JSON": (b"sub=maya", "JSONDecodeError"),
        "a body that is a list": ([sound.claims], "no object"),
        "a body that is text": (b'"maya"', "no object"),
        "a body that is a token": (ED.signed(sound.claims).encode(), "JSONDecodeError"),
        "a body without end": (b"[" * 2000, "RecursionError"),
        "a body with two subjects": (text[:-1].encode() + b',"sub":"operator"}', "said twice"),
        "a body with two ends": (b'{"exp":1,' + text[1:].encode(), "said twice"),
        "an end that is no number": (text.replace(end, "NaN").encode(), "NaN is no number"),
        "an end that is endless": (text.replace(end, "Infinity").encode(), "Infinity is no number"),
        "an end beyond all numbers": (text.replace(end, "1e999").encode(), "Expected"),
    }
    return {what: (sound.resigned(sound.head, body), why) for what, (body, why) in raw.items()}


def _of_algorithms(sound: Sound) -> Bad:
    _, b, s = sound.parts
    pem = RSA.private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    not_allowed = {
        **{
            f"alg {alg!r}": f"{part(sound.head | {'alg': alg})}.{b}." + s
            for alg in ("none", "None", "NONE", "nOnE", "")
        },
        **{f"{alg} with the key's PEM": sound.hmac(pem, alg=alg, kid="rsa") for alg in ("HS256", "HS384", "HS512")},
        "HS256 with the JWK": sound.hmac(json.dumps(ED.jwk).encode(), alg="HS256"),
        "HS256 with the modulus": sound.hmac(RSA.jwk["n"].encode(), alg="HS256", kid="rsa"),
        "ES256 for the Ed25519 key": EC.signed(sound.claims, kid="ed"),
        "EdDSA for the P-256 key": ED.signed(sound.claims, kid="ec"),
        "RS256 for the P-256 key": RSA.signed(sound.claims, kid="ec"),
        "PS256 for the RS256 key": Key("rsa", "PS256", RSA.private).signed(sound.claims),
        "RS512 for the RS256 key": Key("rsa", "RS512", RSA.private).signed(sound.claims),
        "an alg that was not signed": f"{part(sound.head | {'alg': 'RS256'})}.{b}.{s}",
        "an alg that is a list": sound.resigned(sound.head | {"alg": ["EdDSA"]}),
        "an alg that is a number": sound.resigned(sound.head | {"alg": 5}),
    }
    nobody = {
        "HS256 by a symmetric key that was published": sound.hmac(SECRET, alg="HS256", kid="oct"),
        "RS512 by a key that is for it": Key("rs512", "RS512", RSA.private).signed(sound.claims),
        "EdDSA by a key that is confused": ED.signed(sound.claims, kid="confused"),
        "a key of 1024 bits": sound.short(),
        "a key for encryption": ED.signed(sound.claims, kid="enc"),
        "a key for signing alone": ED.signed(sound.claims, kid="ops"),
    }
    return (
        {what: (token, "alg value is not allowed") for what, token in not_allowed.items()}
        | {what: (token, "none of the provider's") for what, token in nobody.items()}
        | {"no alg": (sound.resigned({"kid": "ed"}), "Algorithm not specified")}
    )


def _of_signatures(sound: Sound) -> Bad:
    h, b, s = sound.parts
    tokens = {
        "another key under the right name": OTHER.signed(sound.claims),
        "a body that was changed": f"{h}.{part(sound.claims | {'sub': 'theo-sso'})}.{s}",
        "a header that was changed": f"{part(sound.head | {'x': 1})}.{b}.{s}",
        "a signature that was cut": f"{h}.{b}.{s[:40]}",
        "a signature of zeros": f"{h}.{b}.{part(bytes(64))}",
        "a signature of zeros for P-256": f"{part({'alg': 'ES256', 'kid': 'ec'})}.{b}.{part(bytes(64))}",
        "a signature of zeros for RSA": f"{part({'alg': 'RS256', 'kid': 'rsa'})}.{b}.{part(bytes(256))}",
    }
    return {what: (token, "Signature verification failed") for what, token in tokens.items()}


def _of_kids(sound: Sound) -> Bad:
    names: dict[str, str] = {
        "that is empty": "",
        "that is a path": "../../../../dev/null",
        "that is SQL": "x' UNION SELECT 'key'--",
        "that is a command": "|curl 127.0.0.1",
        "that is an address": "https://keys.example/jwks",
        "with a NUL": "ed\x00",
        "with half a character": "ed\ud800",
        "in capitals": "ED",
        "of nobody": "yesterday",
    }
    shapes: dict[str, Any] = {"a number": 5, "a list": ["ed"], "an object": {"kid": "ed"}, "null": None}
    return (
        {f"a kid {what}": (ED.signed(sound.claims, kid=kid), "none of the provider's") for what, kid in names.items()}
        | {
            f"a kid that is {what}": (sound.resigned(sound.head | {"kid": kid}), "names no key")
            for what, kid in shapes.items()
        }
        | {"no kid": (ED.signed(sound.claims, kid=None), "names no key")}
    )


def _of_types(sound: Sound) -> Bad:
    shapes: dict[str, tuple[dict[str, Any], str]] = {
        f"{claim} that is {what}": ({claim: value}, "Expected")
        for claim in ("iss", "aud", "exp", "iat", "sub")
        for what, value in {"null": None, "an object": {"a": 1}, "true": True}.items()
    } | {
        "iss in a list": ({"iss": [sound.claims["iss"]]}, "Expected"),
        "sub in a list": ({"sub": ["maya-sso"]}, "Expected"),
        "sub that is a number": ({"sub": 5}, "Expected"),
        "exp in quotes": ({"exp": str(NOW + 600)}, "Expected"),
        "exp that is a date": ({"exp": "2027-01-01T00:00:00Z"}, "Expected"),
        "iat in a list": ({"iat": [NOW]}, "Expected"),
        "nbf in quotes": ({"nbf": str(NOW)}, "Expected"),
        "auth_time that is a word": ({"auth_time": "today"}, "Expected"),
    }
    kinds: dict[str, Any] = {"of something else": "logout+jwt", "that is a number": 5, "that is a list": ["JWT"]}
    return {what: (sound.resigned(sound.head, sound.claims | said), why) for what, (said, why) in shapes.items()} | {
        f"typ {what}": (sound.resigned(sound.head | {"typ": kind}), "another type") for what, kind in kinds.items()
    }


def _of_claims(sound: Sound) -> Bad:
    issuer = sound.claims["iss"]
    spoilt: dict[str, tuple[dict[str, Any], str]] = {
        **{f"no {claim}": ({claim: None}, "missing required field") for claim in ("iss", "aud", "exp", "iat", "sub")},
        "another issuer": ({"iss": "https://evil.example"}, "issuer"),
        "an issuer with a stroke more": ({"iss": f"{issuer}/"}, "issuer"),
        "another audience": ({"aud": "payroll"}, "audience"),
        "an audience that only begins so": ({"aud": f"{AUDIENCE}-test"}, "audience"),
        "a list of other audiences": ({"aud": ["payroll", "cards"]}, "audience"),
        "no audience in the list": ({"aud": []}, "audience"),
        "an audience in a list in a list": ({"aud": [[AUDIENCE]]}, "Expected"),
        "an audience among numbers": ({"aud": [AUDIENCE, 5]}, "Expected"),
        "expired": ({"exp": NOW - 30}, "expired"),
        "of more than a day": ({"exp": NOW + 24 * 3600 + 1}, "too long"),
        "of a day long past": ({"iat": 0}, "too long"),
        "expired long ago": ({"exp": 0}, "expired"),
        "an end below zero": ({"exp": -1}, "Expected"),
        "an end after all calendars": ({"exp": 253_402_300_800}, "Expected"),
        "not valid yet": ({"nbf": NOW + 31}, "not valid yet"),
        "made in the future": ({"iat": NOW + 31}, "of the future"),
        "signed in in the future": ({"auth_time": NOW + 31}, "of the future"),
        "an empty subject": ({"sub": ""}, "length"),
        "a subject without end": ({"sub": "m" * 256}, "length"),
        "a subject with a NUL": ({"sub": "maya\x00"}, "matching"),
        "a subject with a line break": ({"sub": "maya-sso\n"}, "matching"),
        "a subject of another script": ({"sub": "m\u0430ya-sso"}, "matching"),
    }
    return {what: (ED.signed(claims(issuer, **said)), why) for what, (said, why) in spoilt.items()}
