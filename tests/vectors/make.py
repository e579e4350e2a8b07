#!/usr/bin/env python3
"""Makes test vectors with cantools: what frames of its own test files decode to, and what values encode to.

    python3 -m venv venv && venv/bin/pip install cantools==45.1.0
    venv/bin/pip download --no-binary cantools --no-deps cantools==45.1.0 && tar xf cantools-45.1.0.tar.gz
    venv/bin/python make.py cantools-45.1.0

copies tests/files/dbc/*.dbc to dbc/ and writes vectors.jsonl beside this script, own/*.dbc included. Same input, same output. A line is
    {"file": PATH}                          the file that the lines below it are about
    {"refused": TEXT}                       cantools does not read it
    {"m": NAME, "id": N}                    a message; N has bit 31 set for 29 bits
    {"d": HEX, "n": {SIGNAL: NUMBER}, "l": {SIGNAL: LABEL}}     a frame and all its signals
    {"short": HEX, "n": …, "l": …}          one that is too short, and the signals that fit
    {"e": {SIGNAL: NUMBER or LABEL}, "d": HEX}                  an encoded message
    {"s": SIGNAL, "v": NUMBER or "t": LABEL, "bits": N}         one encoded value, as its raw bits; without: refused
Whole numbers beyond 64 bits are texts; so are fractions, as few readers of JSON keep their last bit.
"""

import json
import random
import shutil
import struct
import sys
from pathlib import Path

import cantools
from cantools.database.namedsignalvalue import NamedSignalValue

HERE = Path(__file__).parent
# So many frames for each message, fewer where a file has many messages.
FRAMES, FEW, MANY = 16, 4, 60
PARTS = 5
FLOATS = {16: "e", 32: "f", 64: "d"}


def number(value):
    if isinstance(value, float) and not (value.is_integer() and abs(value) < 2**53):
        return repr(value)
    if isinstance(value, int) and not -(2**63) <= value < 2**64:
        return str(value)
    return value


def places(signal):
    """The frame's bits of a signal, the least significant first."""
    at, bits = signal.start, []
    for _ in range(signal.length):
        bits.append(at)
        if signal.byte_order == "little_endian":
            at += 1
        else:
            at = at - 1 if at % 8 else at + 15
    return bits if signal.byte_order == "little_endian" else bits[::-1]


def put(data, signal, raw):
    for i, at in enumerate(places(signal)):
        if at // 8 < len(data):
            data[at // 8] = data[at // 8] & ~(1 << at % 8) | (raw >> i & 1) << at % 8


def choose(rng, message, tree, data):
    """Gives every multiplexer of a payload one of its values."""
    for node in tree:
        if isinstance(node, dict):
            for name, children in node.items():
                raw = rng.choice(sorted(children))
                put(data, message.get_signal_by_name(name), raw)
                choose(rng, message, children[raw], data)


def payloads(rng, message, count):
    yield bytearray(message.length)
    yield bytearray([0xFF] * message.length)
    parts = 1 + max([len(c) for n in message.signal_tree if isinstance(n, dict) for c in n.values()], default=0)
    for _ in range(max(count, min(parts * 2, PARTS * 2))):
        data = bytearray(rng.getrandbits(8) for _ in range(message.length))
        choose(rng, message, message.signal_tree, data)
        yield data


def decoded(message, data, **how):
    numbers = message.decode(bytes(data), decode_choices=False, **how)
    labels = message.decode(bytes(data), decode_choices=True, **how)
    labels = {name: str(value) for name, value in labels.items() if isinstance(value, NamedSignalValue)}
    line = {"n": {name: number(value) for name, value in numbers.items()}}
    return {**line, "l": labels} if labels else line


def bits(message, signal, value):
    """The raw bits that cantools writes for one value; None: refused."""
    try:
        message._assert_signal_values_valid({signal.name: value}, True)
        conversion = signal.conversion
        raw = conversion.choice_to_number(value) if isinstance(value, str) else conversion.numeric_scaled_to_raw(value)
        if conversion.is_float:
            packed = struct.pack(">" + FLOATS[signal.length], raw)
            return int.from_bytes(packed, "big")
        low, high = (-(2 ** (signal.length - 1)), 2 ** (signal.length - 1)) if signal.is_signed else (0, 2**signal.length)
        return raw % 2**signal.length if low <= raw < high else None
    except (cantools.database.errors.EncodeError, KeyError, OverflowError, ZeroDivisionError):
        return None


def values(rng, signal):
    scale, offset = signal.conversion.scale, signal.conversion.offset
    most = 2 ** min(signal.length, 20) - 1
    steps = [0, 0.5, 1, 1.5, 2.5, -0.5, -1, rng.randrange(most + 1) + 0.5, most, rng.uniform(0, most)]
    yield from (float(step * scale + offset) for step in rng.sample(steps, 3))
    for end in (signal.minimum, signal.maximum):
        if end is not None:
            yield from (float(end), float(end) - abs(scale), float(end) + abs(scale))
    yield float(2.0 ** (signal.length + 1) * scale + offset)
    if signal.choices:
        yield str(rng.choice(list(signal.choices.values())))
        yield "no such label"


def of_message(rng, message, count):
    seen = set()
    for data in payloads(rng, message, count):
        if bytes(data) in seen:
            continue
        seen.add(bytes(data))
        try:
            line = decoded(message, data)
        except cantools.database.errors.DecodeError:
            continue
        yield {"d": data.hex(), **line}
        try:
            message.refresh(strict=True)
            known = {**message.decode(bytes(data), decode_choices=False)}
            again = message.encode(known)
            yield {"e": {name: number(value) for name, value in known.items()}, "d": again.hex()}
        except (cantools.database.errors.Error, OverflowError, ValueError, ZeroDivisionError):
            pass
        finally:
            message.refresh(strict=False)
    if message.length > 1:
        data = data[: rng.randrange(1, message.length)]
        try:
            yield {"short": data.hex(), **decoded(message, data, allow_truncated=True)}
        except cantools.database.errors.DecodeError:
            pass
    for signal in rng.sample(message.signals, min(len(message.signals), 4)):
        for value in values(rng, signal):
            raw = bits(message, signal, value)
            given = {"t": value} if isinstance(value, str) else {"v": number(value)}
            yield {"s": signal.name, **given, **({} if raw is None else {"bits": raw})}


def plain(message):
    """Multiplexers that are their raw numbers: cantools chooses by the scaled one, growctl by the bits."""
    chosen = [signal.multiplexer_signal for signal in message.signals if signal.multiplexer_signal]
    raw = (message.get_signal_by_name(name).conversion for name in chosen)
    return all(conversion.scale == 1 and conversion.offset == 0 for conversion in raw)


def of_file(path):
    yield {"file": f"{path.parent.name}/{path.name}"}
    try:
        database = cantools.database.load_file(path, strict=False)
    except Exception as error:  # whatever it says, it is what a user would see
        yield {"refused": " ".join(str(error).split())[:200]}
        return
    rng = random.Random(path.name)
    last = {(message.frame_id, message.is_extended_frame): message for message in database.messages}
    count = FRAMES if len(last) < MANY else FEW
    for message in last.values():
        if not 0 < message.length <= 64 or not plain(message):
            continue
        yield {"m": message.name, "id": message.frame_id | message.is_extended_frame << 31}
        yield from of_message(rng, message, count)


def main(sdist):
    theirs = sorted(Path(sdist).glob("tests/files/dbc/*.dbc"))
    (HERE / "dbc").mkdir(exist_ok=True)
    for path in theirs:
        shutil.copyfile(path, HERE / "dbc" / path.name)
    with open(HERE / "vectors.jsonl", "w", encoding="utf-8") as out:
        for path in theirs + sorted(HERE.glob("own/*.dbc")):
            for line in of_file(path):
                out.write(json.dumps(line, ensure_ascii=False, separators=(",", ":")) + "\n")


if __name__ == "__main__":
    main(sys.argv[1])
