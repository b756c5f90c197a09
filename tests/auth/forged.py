"""Tokens made by hand, good and bad: nothing of the service's own code, and no library that would refuse."""

import hashlib
import hmac
import json
from base64 import urlsafe_b64encode
from collections.abc import Callable, Mapping
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

Json = dict[str, Any]
Sign = Callable[[bytes], bytes]
_HASHES = {"256": hashes.SHA256(), "384": hashes.SHA384(), "512": hashes.SHA512()}
_CURVES = {"256": ec.SECP256R1(), "384": ec.SECP384R1()}


def packed(data: bytes) -> str:
    """base64url without padding."""
    return urlsafe_b64encode(data).rstrip(b"=").decode()


def number(value: int, size: int = 0) -> str:
    """An integer as a JWK has it."""
    return packed(value.to_bytes(size or (value.bit_length() + 7) // 8, "big"))


class Pair:
    """A private key of ours, its public JWK, and how it signs by one algorithm of JWA."""

    def __init__(self, kid: str, algorithm: str = "RS384", bits: int = 2048) -> None:
        """A new one."""
        self.kid, self.algorithm = kid, algorithm
        self.key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey
        if algorithm.startswith("ES"):
            self.key = ec.generate_private_key(_CURVES[algorithm[2:]])
        else:
            self.key = rsa.generate_private_key(65537, bits)

    @property
    def jwk(self) -> Json:
        """The public half."""
        shared = {"kid": self.kid, "use": "sig"}
        if isinstance(self.key, rsa.RSAPrivateKey):
            numbers = self.key.public_key().public_numbers()
            return {**shared, "kty": "RSA", "n": number(numbers.n), "e": number(numbers.e)}
        size = (self.key.key_size + 7) // 8
        point = self.key.public_key().public_numbers()
        return {
            **shared,
            "kty": "EC",
            "crv": f"P-{self.key.key_size}",
            "x": number(point.x, size),
            "y": number(point.y, size),
        }

    @property
    def jwks(self) -> Json:
        """It alone."""
        return {"keys": [self.jwk]}

    @property
    def pem(self) -> bytes:
        """The public half as everybody can have it: what HMAC must never take for a secret."""
        return self.key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)

    def sign(self, data: bytes, algorithm: str = "") -> bytes:
        """A signature as JWS has it."""
        name = algorithm or self.algorithm
        digest = _HASHES[name[2:]]
        if isinstance(self.key, ec.EllipticCurvePrivateKey):
            size = (self.key.key_size + 7) // 8
            r, s = decode_dss_signature(self.key.sign(data, ec.ECDSA(digest)))
            return r.to_bytes(size, "big") + s.to_bytes(size, "big")
        if name.startswith("PS"):
            pss = padding.PSS(mgf=padding.MGF1(digest), salt_length=digest.digest_size)
            return self.key.sign(data, pss, digest)
        return self.key.sign(data, padding.PKCS1v15(), digest)

    def token(self, claims: Mapping[str, Any], algorithm: str = "", **header: Any) -> str:
        """Signed by it, with what belongs into the header; None takes a part of it away."""
        name = algorithm or self.algorithm
        said = {"alg": name, "kid": self.kid, "typ": "JWT", **header}
        told = {part: value for part, value in said.items() if value is not None}
        return assembled(dumped(told), dumped(claims), lambda data: self.sign(data, name))


def assembled(header: bytes, claims: bytes, sign: Sign) -> str:
    """A compact JWS of these very bytes."""
    data = f"{packed(header)}.{packed(claims)}"
    return f"{data}.{packed(sign(data.encode()))}"


def hashed(secret: bytes, size: str = "256") -> Sign:
    """HMAC with a secret."""
    return lambda data: hmac.new(secret, data, getattr(hashlib, f"sha{size}")).digest()


def dumped(value: Any) -> bytes:
    """JSON."""
    return json.dumps(value).encode()
