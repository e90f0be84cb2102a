"""Scapy's IPsec layer with the keys of child-sa records: an ESP that shares nothing with ours."""
import copy
from packets import AH, AUTH_ALGOS, ESP, IP, IPv6, SecurityAssociation, UDP

CRYPT = {"aes-cbc": "AES-CBC", "aes-ctr": "AES-CTR", "3des-cbc": "3DES", "des-cbc": "DES", "null": "NULL",
         "aes-gcm-8": "AES-GCM", "aes-gcm-12": "AES-GCM", "aes-gcm-16": "AES-GCM",
         "chacha20-poly1305": "CHACHA20-POLY1305"}
AUTH = {"hmac-md5-96": "HMAC-MD5-96", "hmac-sha1-96": "HMAC-SHA1-96", "hmac-sha2-256-128": "SHA2-256-128",
        "hmac-sha2-256-96": "SHA2-256-96", "hmac-sha2-384-192": "SHA2-384-192", "hmac-sha2-512-256": "SHA2-512-256"}

# Its HMAC-SHA-256, with the older and shorter ICV.
AUTH_ALGOS["SHA2-256-96"] = copy.copy(AUTH_ALGOS["SHA2-256-128"])
AUTH_ALGOS["SHA2-256-96"].name, AUTH_ALGOS["SHA2-256-96"].icv_size = "SHA2-256-96", 12


class NoWord(Exception):
    """What scapy has no word for."""


def ip(src, dst):
    return (IPv6 if ":" in src else IP)(src=src, dst=dst)


def short_icv(r):
    """Bytes of an ICV that is the front of what scapy makes (RFC 4106, 6), else 0: it makes 16 alone, and opens those alone."""
    name = r["proposal"]["encryption"]
    return int(name[8:]) if name in ("aes-gcm-8", "aes-gcm-12") else 0


def association(r, way):
    """One direction, "in" or "out", of a child-sa record."""
    p, k = r["proposal"], r["keys"]
    src, dst = (r["local"], r["remote"]) if way == "out" else (r["remote"], r["local"])
    args = {}
    if r["mode"] == "tunnel":
        args.update(tunnel_header=ip(src["address"], dst["address"]))
    if r["protocol"] == "ah":
        return SecurityAssociation(AH, spi=r[f"spi-{way}"], auth_algo=AUTH[p["integrity"]],
                                   auth_key=k[f"auth-{way}"], **args)
    if p["encryption"] not in CRYPT or p.get("integrity", "hmac-sha1-96") not in AUTH:
        raise NoWord(p)
    if p.get("esn") and "integrity" in p:
        raise NoWord("the upper half of ESN in the ICV of ESP")
    if "integrity" in p:
        args.update(auth_algo=AUTH[p["integrity"]], auth_key=k[f"auth-{way}"])
    if r["encap"] == "udp":
        args.update(nat_t_header=UDP(sport=src["port"], dport=dst["port"]))
    return SecurityAssociation(ESP, spi=r[f"spi-{way}"], crypt_algo=CRYPT[p["encryption"]],
                               crypt_key=k.get(f"enc-{way}", b""), esn_en=p.get("esn", False), **args)


def mend(packet):
    """Lengths and checksums anew: scapy has filled them in before the last change."""
    if UDP in packet:
        del packet[UDP].len
    if IPv6 in packet:
        del packet[IPv6].plen
    else:
        del packet[IP].len, packet[IP].chksum


def seal(sa, r, inner, **args):
    """${inner} as the ESP packet of ${sa}, a direction of ${r}."""
    packet = sa.encrypt(inner, **args)
    if short_icv(r):
        packet[ESP].data = packet[ESP].data[:short_icv(r) - 16]
    mend(packet)
    return packet
