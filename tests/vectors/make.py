#!/usr/bin/python3
"""Makes the known answers of tests/vectors: make.py DIRECTORY

Nothing of sapipe is used here. HMAC and digests are Python's; Diffie-Hellman, GHASH, ChaCha20 and
Poly1305 are written out below in integers, by RFC 2409, 3526, 5903, 7748, 8439 and NIST SP 800-38D;
AES blocks come from python3-cryptography. Inputs are drawn from SHA-256 of their names, so that every
run gives the same files: tests/vectors.bats makes them again and compares.
"""
import hashlib
import hmac
import json
import os
import sys

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

MADE = "made by tests/vectors/make.py; inputs are drawn from SHA-256 of their names"
HASHES = ("md5", "sha1", "sha256", "sha384", "sha512")


def draw(name, n):
    """n bytes that belong to a name."""
    out = b""
    while len(out) < n:
        out += hashlib.sha256(b"%s %d" % (name.encode(), len(out))).digest()
    return out[:n]


def write(path, text):
    with open(path, "w", encoding="ascii") as f:
        f.write(text)


def write_json(path, obj):
    write(path, json.dumps({"source": MADE, **obj}, indent=1) + "\n")


# ---- IKEv1 keys, RFC 2409 section 5, in the layout of NIST's files

def prf(name, key, *parts):
    return hmac.new(key, b"".join(parts), name).digest()


def ikev1(method):
    out = ["# IKEv1 SKEYID, SKEYID_d, _a, _e with " + method, "# " + MADE]
    for bits, count in ((256, 3), (1024, 2), (2048, 2), (8192, 1)):
        for name in HASHES:
            out += ["", "[g^xy length = %d]" % bits, "[%s]" % name.upper().replace("SHA", "SHA-")]
            for i in range(count):
                label = "%s %d %s %d " % (method, bits, name, i)
                cky_i, cky_r = draw(label + "cky-i", 8), draw(label + "cky-r", 8)
                ni, nr = draw(label + "ni", (8, 20, 256)[i]), draw(label + "nr", (32, 8, 255)[i])
                gxy, psk = draw(label + "gxy", bits // 8), draw(label + "psk", (1, 32, 128)[i])
                if method == "pre-shared key":
                    skeyid = prf(name, psk, ni, nr)
                else:
                    skeyid = prf(name, ni + nr, gxy)
                d = prf(name, skeyid, gxy, cky_i, cky_r, b"\0")
                a = prf(name, skeyid, d, gxy, cky_i, cky_r, b"\1")
                e = prf(name, skeyid, a, gxy, cky_i, cky_r, b"\2")
                values = [("CKY_I", cky_i), ("CKY_R", cky_r), ("Ni", ni), ("Nr", nr), ("g^xy", gxy)]
                if method == "pre-shared key":
                    values.append(("pre-shared-key", psk))
                values += [("SKEYID", skeyid), ("SKEYID_d", d), ("SKEYID_a", a), ("SKEYID_e", e)]
                out += ["", "COUNT = %d" % i] + ["%s = %s" % (k, v.hex()) for k, v in values]
    return "\n".join(out) + "\n"


# ---- Diffie-Hellman

def pi_bits(n):
    """floor(2^n pi), by Machin's formula."""
    guard = 64
    one = 1 << (n + guard)

    def arctan(x):
        total, term, k, sign = 0, one // x, 1, 1
        while term:
            total += sign * (term // k)
            term //= x * x
            k, sign = k + 2, -sign
        return total

    return (4 * (4 * arctan(5) - arctan(239))) >> guard


# RFC 2409 section 6 and RFC 3526 give each prime as a formula with this one number.
MODP = {768: 149686, 1024: 129093, 1536: 741804, 2048: 124476, 3072: 1690314, 4096: 240904,
        6144: 929484, 8192: 4743158}


def modp_prime(n):
    return 2**n - 2**(n - 64) - 1 + 2**64 * (pi_bits(n - 130) + MODP[n])


def modp(bits):
    p, n = modp_prime(bits), bits // 8
    x = [draw("modp%d %s" % (bits, side), 48) for side in "ir"]
    y = [pow(2, int.from_bytes(v, "big"), p) for v in x]
    z = pow(y[1], int.from_bytes(x[0], "big"), p)
    return x, [v.to_bytes(n, "big") for v in y], z.to_bytes(n, "big")


# RFC 5903 section 3: p, b, g, order; a is -3.
ECP = {
    256: (2**256 - 2**224 + 2**192 + 2**96 - 1,
          0x5ac635d8aa3a93e7b3ebbd55769886bc651d06b0cc53b0f63bce3c3e27d2604b,
          0x6b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296,
          0x4fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5),
    384: (2**384 - 2**128 - 2**96 + 2**32 - 1,
          0xb3312fa7e23ee7e4988e056be3f82d19181d9c6efe8141120314088f5013875ac656398d8a2ed19d2a85c8edd3ec2aef,
          0xaa87ca22be8b05378eb1c71ef320ad746e1d3b628ba79b9859f741e082542a385502f25dbf55296c3a545e3872760ab7,
          0x3617de4a96262c6f5d9e98bf9292dc29f8f41dbd289a147ce9da3113b5f0b8c00a60b1ce1d7e819d7a431d7c90ea0e5f),
    521: (2**521 - 1,
          0x51953eb9618e1c9a1f929a21a0b68540eea2da725b99b315f3b8b489918ef109e156193951ec7e937b1652c0bd3bb1bf073573df883d2c34f1ef451fd46b503f00,
          0xc6858e06b70404e9cd9e3ecb662395b4429c648139053fb521f828af606b4d3dbaa14b5e77efe75928fe1dc127a2ffa8de3348b3c1856a429bf97e7e31c2e5bd66,
          0x11839296a789a3bc0045c8a5fb42c7d1bd998f54449579b446817afbd17273e662c97ee72995ef42640c550b9013fad0761353c7086a272c24088be94769fd16650),
}


def ec_add(p, a, b):
    if a is None or b is None:
        return a or b
    if a[0] == b[0]:
        if (a[1] + b[1]) % p == 0:
            return None
        k = (3 * a[0] * a[0] - 3) * pow(2 * a[1], -1, p)
    else:
        k = (b[1] - a[1]) * pow(b[0] - a[0], -1, p)
    x = (k * k - a[0] - b[0]) % p
    return x, (k * (a[0] - x) - a[1]) % p


def ec_mul(p, k, point):
    out = None
    while k:
        if k & 1:
            out = ec_add(p, out, point)
        point, k = ec_add(p, point, point), k >> 1
    return out


def ecp(bits):
    p, b, gx, gy = ECP[bits]
    assert (gy * gy - gx**3 + 3 * gx - b) % p == 0
    n = (bits + 7) // 8
    # A private value below the order: its highest byte is zero.
    x = [b"\0" * (2 if bits == 521 else 1) + draw("ecp%d %s" % (bits, side), n - (2 if bits == 521 else 1))
         for side in "ir"]
    k = [int.from_bytes(v, "big") for v in x]
    y = [ec_mul(p, v, (gx, gy)) for v in k]
    z = ec_mul(p, k[0], y[1])
    return x, [v[0].to_bytes(n, "big") + v[1].to_bytes(n, "big") for v in y], z[0].to_bytes(n, "big")


def x25519(scalar, u):
    """RFC 7748 section 5."""
    p, a24 = 2**255 - 19, 121665
    k = (int.from_bytes(scalar, "little") & ~7 & (2**255 - 1)) | 2**254
    x1 = int.from_bytes(u, "little") & (2**255 - 1)
    x2, z2, x3, z3 = 1, 0, x1, 1
    for t in reversed(range(255)):
        bit = k >> t & 1
        if bit:
            x2, z2, x3, z3 = x3, z3, x2, z2
        a, b, c, d = x2 + z2, x2 - z2, x3 + z3, x3 - z3
        aa, bb, da, cb = a * a % p, b * b % p, d * a % p, c * b % p
        e = aa - bb
        x3, z3 = (da + cb)**2 % p, x1 * (da - cb)**2 % p
        x2, z2 = aa * bb % p, e * (aa + a24 * e) % p
        if bit:
            x2, z2, x3, z3 = x3, z3, x2, z2
    return (x2 * pow(z2, -1, p) % p).to_bytes(32, "little")


def curve25519():
    x = [draw("curve25519 " + side, 32) for side in "ir"]
    y = [x25519(v, (9).to_bytes(32, "little")) for v in x]
    return x, y, x25519(x[0], y[1])


def dh():
    out = []
    for method, (x, y, z) in [("MODP_%d_BIT" % n, modp(n)) for n in MODP] + \
            [("ECP_%d_BIT" % n, ecp(n)) for n in ECP] + [("CURVE_25519", curve25519())]:
        out.append({"method": method, "priv_i": x[0].hex(), "priv_r": x[1].hex(), "pub_i": y[0].hex(),
                    "pub_r": y[1].hex(), "shared": z.hex()})
    return {"vectors": out}


# ---- AEAD, in the layout of Wycheproof's files

def aes_block(key, block):
    return Cipher(algorithms.AES(key), modes.ECB()).encryptor().update(block)


def gcm(key, iv, aad, msg):
    h = int.from_bytes(aes_block(key, bytes(16)), "big")

    def times_h(x):
        z, v = 0, h
        for i in reversed(range(128)):
            if x >> i & 1:
                z ^= v
            v = v >> 1 ^ (0xe1 << 120 if v & 1 else 0)
        return z

    def counter(n):
        return aes_block(key, iv + n.to_bytes(4, "big"))

    ct = b"".join(bytes(a ^ b for a, b in zip(msg[i:i + 16], counter(2 + i // 16)))
                  for i in range(0, len(msg), 16))
    y = 0
    for part in (aad, ct):
        for i in range(0, len(part), 16):
            y = times_h(y ^ int.from_bytes(part[i:i + 16].ljust(16, b"\0"), "big"))
    y = times_h(y ^ (len(aad) * 8 << 64 | len(ct) * 8))
    return ct, (y ^ int.from_bytes(counter(1), "big")).to_bytes(16, "big")


def chacha20(key, nonce, count):
    w = [0x61707865, 0x3320646e, 0x79622d32, 0x6b206574] + \
        [int.from_bytes(key[i:i + 4], "little") for i in range(0, 32, 4)] + [count] + \
        [int.from_bytes(nonce[i:i + 4], "little") for i in range(0, 12, 4)]
    s = list(w)

    def quarter(a, b, c, d):
        for x, y, z, n in ((a, b, d, 16), (c, d, b, 12), (a, b, d, 8), (c, d, b, 7)):
            s[x] = (s[x] + s[y]) & 0xffffffff
            s[z] ^= s[x]
            s[z] = (s[z] << n | s[z] >> (32 - n)) & 0xffffffff

    for _ in range(10):
        for i in range(4):
            quarter(i, 4 + i, 8 + i, 12 + i)
        for i in range(4):
            quarter(i, 4 + (i + 1) % 4, 8 + (i + 2) % 4, 12 + (i + 3) % 4)
    return b"".join(((a + b) & 0xffffffff).to_bytes(4, "little") for a, b in zip(s, w))


def chacha20poly1305(key, iv, aad, msg):
    ct = b"".join(bytes(a ^ b for a, b in zip(msg[i:i + 64], chacha20(key, iv, 1 + i // 64)))
                  for i in range(0, len(msg), 64))
    one_time = chacha20(key, iv, 0)
    r = int.from_bytes(one_time[:16], "little") & 0x0ffffffc0ffffffc0ffffffc0fffffff
    mac, p = 0, 2**130 - 5
    data = b"".join(v + bytes(-len(v) % 16) for v in (aad, ct)) + \
        len(aad).to_bytes(8, "little") + len(ct).to_bytes(8, "little")
    for i in range(0, len(data), 16):
        mac = (mac + int.from_bytes(data[i:i + 16] + b"\1", "little")) * r % p
    return ct, ((mac + int.from_bytes(one_time[16:32], "little")) & (2**128 - 1)).to_bytes(16, "little")


def flip(b):
    return b[:-1] + bytes([b[-1] ^ 1])


def aead(name, seal, key_sizes):
    groups = []
    for size in key_sizes:
        tests = []
        for naad in (8, 12):
            for n in (0, 1, 15, 16, 17, 60, 64, 65, 128, 1400):
                label = "%s %d %d %d " % (name, size, naad, n)
                key, iv = draw(label + "key", size // 8), draw(label + "iv", 12)
                aad, msg = draw(label + "aad", naad), draw(label + "msg", n)
                ct, tag = seal(key, iv, aad, msg)
                good = (key, iv, aad, msg, ct, tag, "valid")
                cases = [good, (key, iv, aad, msg, ct, flip(tag), "invalid"),
                         (key, iv, flip(aad), msg, ct, tag, "invalid"),
                         (key, iv[:-1] + bytes([iv[-1] ^ 0x80]), aad, msg, ct, tag, "invalid")]
                if n:
                    cases.append((key, iv, aad, msg, flip(ct), tag, "invalid"))
                for case in cases if n in (0, 16, 60) else [good]:
                    tests.append(dict(zip(("key", "iv", "aad", "msg", "ct", "tag"), (v.hex() for v in case[:6])),
                                      result=case[6]))
        groups.append({"keySize": size, "tests": tests})
    return {"numberOfTests": sum(len(g["tests"]) for g in groups), "testGroups": groups}


# ---- ESP packets of AES-CBC without an ICV (RFC 3602), of ChaCha20-Poly1305 (RFC 7634)

def esp_cbc():
    out = []
    for i, (n, next_header, pad_extra) in enumerate(((64, 1, 0), (28, 1, 16), (84, 4, 0), (1400, 41, 240))):
        label = "esp-cbc %d " % i
        key, iv, payload = draw(label + "key", 16), draw(label + "iv", 16), draw(label + "payload", n)
        pad = -(n + 2) % 16
        pad += min(pad_extra, (255 - pad) // 16 * 16)
        plain = payload + bytes(range(1, pad + 1)) + bytes([pad, next_header])
        run, ct = iv, b""
        for at in range(0, len(plain), 16):
            run = aes_block(key, bytes(a ^ b for a, b in zip(plain[at:at + 16], run)))
            ct += run
        spi, seq = draw(label + "spi", 4), i + 1
        out.append({"key": key.hex(), "seq": seq, "next_header": next_header, "pad_length": pad, "iv": iv.hex(),
                    "payload": payload.hex(), "packet": (spi + seq.to_bytes(4, "big") + iv + ct).hex()})
    return {"vectors": out}


def esp_chacha():
    out = []
    for n in (20, 84, 1400):
        label = "esp-chacha %d " % n
        key, salt, iv = draw(label + "key", 32), draw(label + "salt", 4), draw(label + "iv", 8)
        pad = -(n + 2) % 4
        plain = draw(label + "payload", n) + bytes(range(1, pad + 1)) + bytes([pad, 4])
        spi, seq = draw(label + "spi", 4), 5
        ct, tag = chacha20poly1305(key, salt + iv, spi + seq.to_bytes(4, "big"), plain)
        out.append({"key": key.hex(), "salt": salt.hex(), "iv": iv.hex(), "spi": spi.hex(), "seq": seq,
                    "plaintext": plain.hex(), "trailer": pad + 2, "ciphertext": ct.hex(), "tag": tag.hex()})
    return {"vectors": out}


# ---- HMAC, whole and truncated; AES-CBC

def hmacs(name):
    groups, full = [], hashlib.new(name).digest_size
    for tag_size in (full, 12 if full <= 20 else full // 2):
        tests = []
        for nkey in (1, 64, 65, 129):
            for n in (0, 55, 200):
                label = "hmac-%s %d %d " % (name, nkey, n)
                key, msg = draw(label + "key", nkey), draw(label + "msg", n)
                tag = prf(name, key, msg)[:tag_size]
                tests.append({"key": key.hex(), "msg": msg.hex(), "tag": tag.hex(), "result": "valid"})
                if n == 55:
                    tests.append({"key": key.hex(), "msg": msg.hex(), "tag": flip(tag).hex(), "result": "invalid"})
        groups.append({"tagSize": tag_size * 8, "tests": tests})
    return {"numberOfTests": sum(len(g["tests"]) for g in groups), "testGroups": groups}


def main():
    to = sys.argv[1]
    write(os.path.join(to, "ikev1_psk.rsp"), ikev1("pre-shared key"))
    write(os.path.join(to, "ikev1_sig.rsp"), ikev1("signatures"))
    write_json(os.path.join(to, "dh.json"), dh())
    write_json(os.path.join(to, "aes_gcm.json"), aead("aes-gcm", gcm, (128, 192, 256)))
    write_json(os.path.join(to, "chacha20_poly1305.json"), aead("chacha20-poly1305", chacha20poly1305, (256,)))
    write_json(os.path.join(to, "esp_aes_cbc.json"), esp_cbc())
    write_json(os.path.join(to, "esp_chacha20_poly1305.json"), esp_chacha())
    for name in HASHES:
        write_json(os.path.join(to, "hmac_%s.json" % name), hmacs(name))


if __name__ == "__main__":
    main()
