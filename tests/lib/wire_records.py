"""The child-sa records of a file of SA state."""
import cbor2


def children(state):
    """By protocol and spi-in; a later record replaces an earlier one."""
    found = {}
    with open(state, "rb") as f:
        while True:
            try:
                r = cbor2.load(f)
            except EOFError:
                return found
            if r.get("type") == "child-sa":
                found[r["protocol"], r["spi-in"]] = r
