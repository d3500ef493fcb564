"""Cheap parameters for hashes of passwords, and stored texts that PASSWORD does not match."""

import argon2

from oadb.security.passwords import Passwords, peppered
from oadb.security.secret import Secret

CHEAP = argon2.profiles.CHEAPEST
COST = f"m={CHEAP.memory_cost},t={CHEAP.time_cost},p={CHEAP.parallelism}"
PASSWORD = Secret("correct horse")

STORED: dict[str, str | None] = {
    "right name": Passwords(CHEAP).hash(Secret("another horse")).reveal(),
    "unknown name": None,
    "empty": "",
    "plain text": "hunter22",
    "other scheme": "$2b$12$abcdefghijklmnopqrstuv",
    "no digest": f"$argon2id$v=19${COST}$c2FsdHNhbHQ",
    "not base64": f"$argon2id$v=19${COST}$c2FsdHNhbHQ$***",
    "short salt": f"$argon2id$v=19${COST}$YQ$" + "a" * 22,
    "not ascii": f"$argon2id$v=19${COST}$c2FsdHNhbHQ$é",
    "no cost": "$argon2id$v=19$m=,t=1,p=1$c2FsdHNhbHQ$" + "a" * 22,
    "negative cost": "$argon2id$v=19$m=-1,t=1,p=1$c2FsdHNhbHQ$" + "a" * 22,
    "planted memory": "$argon2id$v=19$m=4194304,t=1,p=1$c2FsdHNhbHQ$" + "a" * 22,
    "planted passes": "$argon2id$v=19$m=8,t=1000000,p=1$c2FsdHNhbHQ$" + "a" * 22,
    "planted lanes": "$argon2id$v=19$m=8192,t=1,p=1000$c2FsdHNhbHQ$" + "a" * 22,
    "peppered": peppered(Passwords(CHEAP).hash(Secret("another horse")), Secret("salt")).reveal(),
    "pepper without a hash": "peppered$c2FsdA==",
    "pepper before plain text": "peppered$c2FsdA==$hunter22",
    "pepper that is not base64": f"peppered$***$argon2id$v=19${COST}$c2FsdHNhbHQ$" + "a" * 22,
    "pepper that is not ascii": f"peppered$é$argon2id$v=19${COST}$c2FsdHNhbHQ$" + "a" * 22,
    "planted memory behind a pepper": "peppered$c2FsdA==$argon2id$v=19$m=4194304,t=1,p=1$c2FsdA$YQ",
}
