"""Stand-ins for the schedulers that docs/cluster.md shows: each runs the tasks of an array here, one after the other.

    python schedulers.py TOOL ARGUMENT ...

It reads what the scheduler of that name would read, and refuses what that one would not understand.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import yaml


def run(words: list[str], **variables: str) -> None:
    """Run a task, with the variables by which it knows which one it is."""
    words = ["/bin/sh", *words[1:]] if words[0] == "sh" else words
    subprocess.run(words, env={**os.environ, **variables}, check=True)


def qsub(words: list[str]) -> None:
    """PBS: the script is standard input, the array is ``-J FIRST-LAST``."""
    parser = argparse.ArgumentParser(allow_abbrev=False)
    parser.add_argument("-J", required=True)
    parser.add_argument("-l", required=True)
    first, last = map(int, parser.parse_args(words).J.split("-"))
    script = sys.stdin.read()
    for number in range(first, last + 1):
        run(["/bin/sh", "-c", script], PBS_ARRAY_INDEX=str(number), PBS_O_WORKDIR=str(Path.cwd()))


def condor_submit(words: list[str]) -> None:
    """HTCondor: the description is standard input, ``queue NAME in A, B`` names the tasks."""
    (dash,) = words
    if dash != "-":
        raise ValueError("the description is read from standard input")
    text = sys.stdin.read()
    settings = dict(line.split(" = ", 1) for line in text.splitlines() if " = " in line)
    ((name, values),) = re.findall(r"^queue (\w+) in (.*)$", text, re.MULTILINE)
    for value in values.split(", "):
        told = {key: setting.replace(f"$({name})", value) for key, setting in settings.items()}
        run([told["executable"], *shlex.split(told["arguments"])])
        if told["should_transfer_files"] != "YES" or told["transfer_output_files"] not in told["arguments"].split():
            raise ValueError("what the task writes does not come back")


def kubectl(words: list[str]) -> None:
    """Kubernetes: ``apply -f -`` of an indexed job."""
    if words != ["apply", "-f", "-"]:
        raise ValueError("only apply -f - is known here")
    job = yaml.safe_load(sys.stdin)
    if (job["apiVersion"], job["kind"], job["spec"]["completionMode"]) != ("batch/v1", "Job", "Indexed"):
        raise ValueError("no indexed job")
    pod = job["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    mounted = {each["name"]: each["mountPath"] for each in container["volumeMounts"]}
    if [mounted[volume["name"]] for volume in pod["volumes"]] != [container["workingDir"]]:
        raise ValueError("what the task writes goes with its container")
    for index in range(job["spec"]["completions"]):
        run(container["command"], JOB_COMPLETION_INDEX=str(index))


def aws(words: list[str]) -> None:
    """AWS: an array job of Batch; copies to and from a bucket do nothing."""
    if words[:3] == ["s3", "cp", "--recursive"]:
        return
    parser = argparse.ArgumentParser(allow_abbrev=False)
    for name in ("job-name", "job-queue", "job-definition", "array-properties", "container-overrides"):
        parser.add_argument(f"--{name}", required=True)
    if words[:2] != ["batch", "submit-job"]:
        raise ValueError("only batch submit-job and s3 cp are known here")
    asked = parser.parse_args(words[2:])
    for index in range(int(asked.array_properties.removeprefix("size="))):
        run(json.loads(asked.container_overrides)["command"], AWS_BATCH_JOB_ARRAY_INDEX=str(index))


TOOLS = {tool.__name__: tool for tool in (qsub, condor_submit, kubectl, aws)}

if __name__ == "__main__":
    TOOLS[sys.argv[1]](sys.argv[2:])
