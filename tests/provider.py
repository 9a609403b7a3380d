"""Two providers to sign people in: a whole one as a process of its own, and one that publishes what a test wants.

`python -m tests.provider PORT` runs the whole one. It names the key in its tokens, as any provider with a second key
must; otherwise it is the library's.
"""

import asyncio
import base64
import json
import sys
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx2
import jwt
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm

from tests.clients import NO_TLS

#: No step of a test takes as long.
PATIENCE = 60
AUDIENCE = "greenlight"


def part(value: Any) -> str:
    """A part of a token: bytes as they are, anything else as JSON."""
    raw = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


@dataclass(frozen=True, slots=True)
class Key:
    """A key pair and its name."""

    kid: str
    algorithm: str
    private: Any

    @classmethod
    def made(cls, kid: str, algorithm: str = "EdDSA") -> "Key":
        match algorithm:
            case "EdDSA":
                return cls(kid, algorithm, ed25519.Ed25519PrivateKey.generate())
            case "ES256":
                return cls(kid, algorithm, ec.generate_private_key(ec.SECP256R1()))
            case _:
                return cls(kid, algorithm, rsa.generate_private_key(65537, 2048))

    @property
    def jwk(self) -> dict[str, Any]:
        """The public part, as a provider publishes it."""
        kinds: dict[str, Any] = {"EdDSA": OKPAlgorithm, "ES256": ECAlgorithm}
        kind = kinds.get(self.algorithm, RSAAlgorithm)
        return kind.to_jwk(self.private.public_key(), as_dict=True) | {"kid": self.kid, "use": "sig"}

    def signed(self, claims: dict[str, Any], **header: Any) -> str:
        """A token; a header that is None is left out."""
        said = {"kid": self.kid, "typ": "at+jwt"} | header
        return jwt.encode(claims, self.private, self.algorithm, {n: v for n, v in said.items() if v is not None})


@dataclass
class Publisher:
    """A provider's documents, over HTTP, and how often each was asked for."""

    issuer: str = ""
    documents: dict[str, bytes] = field(default_factory=dict)
    asked: Counter[str] = field(default_factory=Counter)
    #: Not set: it takes a request and does not answer.
    answers: asyncio.Event = field(default_factory=asyncio.Event)

    def publish(self, *keys: Key | dict[str, Any]) -> None:
        """These keys, and no other."""
        told = [key.jwk if isinstance(key, Key) else key for key in keys]
        self.documents["/jwks"] = json.dumps({"keys": told}).encode()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError):
            path = (await reader.readuntil(b"\r\n\r\n")).split()[1].decode()
            self.asked[path] += 1
            await self.answers.wait()
            status = "200 OK" if path in self.documents else "503 Service Unavailable"
            body = self.documents.get(path, b"")
            writer.write(f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n".encode())
            writer.write(body)
            await writer.drain()
        writer.close()


@asynccontextmanager
async def publishing(*keys: Key) -> AsyncIterator[Publisher]:
    """A publisher of these keys."""
    publisher = Publisher()
    publisher.answers.set()
    server = await asyncio.start_server(publisher.serve, "127.0.0.1", 0)
    publisher.issuer = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    discovery = {"issuer": publisher.issuer, "jwks_uri": f"{publisher.issuer}/jwks"}
    publisher.documents["/.well-known/openid-configuration"] = json.dumps(discovery).encode()
    publisher.publish(*keys)
    try:
        yield publisher
    finally:
        publisher.answers.set()
        server.close()


async def signed_in(issuer: str, subject: str) -> str:
    """The token that the whole provider gives to somebody who signs in: the code flow, as a browser walks it."""
    asked = {"client_id": AUDIENCE, "redirect_uri": "http://localhost/back", "response_type": "code", "scope": "openid"}
    async with httpx2.AsyncClient(base_url=issuer, timeout=PATIENCE, verify=NO_TLS) as browser:
        back = await browser.post("/oauth2/authorize", params=asked, data={"sub": subject})
        [code] = parse_qs(urlsplit(back.headers["location"]).query)["code"]
        exchange = asked | {"grant_type": "authorization_code", "code": code, "client_secret": "any"}
        token: str = (await browser.post("/oauth2/token", data=exchange)).json()["id_token"]
        return token


@asynccontextmanager
async def provider(port: int) -> AsyncIterator[str]:
    """The whole provider, with a key of its own making; its address."""
    words = (sys.executable, "-W", "ignore", "-m", "tests.provider", str(port))
    quiet = asyncio.subprocess.DEVNULL
    process = await asyncio.create_subprocess_exec(*words, stdout=quiet, stderr=quiet)
    issuer = f"http://localhost:{port}"
    try:
        async with asyncio.timeout(PATIENCE), httpx2.AsyncClient(verify=NO_TLS) as client:
            while True:
                assert process.returncode is None, "the provider could not start"
                with suppress(httpx2.TransportError):
                    await client.get(f"{issuer}/jwks")
                    break
                await asyncio.sleep(0.05)
        yield issuer
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


def main() -> None:
    """Serve until killed."""
    from oidc_provider_mock import _app

    class Naming(_app.OpenIDCode):
        def get_encode_header(self, client: Any) -> dict[str, Any]:
            return super().get_encode_header(client) | {"kid": _app.storage.jwk.as_dict()["kid"]}

    _app.OpenIDCode = Naming
    _app.app().run("localhost", int(sys.argv[1]), use_reloader=False)


if __name__ == "__main__":
    main()
