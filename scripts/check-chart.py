"""Checks the Helm chart: lints it, renders it for each file in `ci/`, and validates every object.

    check-chart.py HELM CHART CRD_FILE...

Objects of Kubernetes are validated against the schemas of the oldest version that the chart supports and of the newest
one that the package kubernetes-validate contains. Objects of operators are validated against the definitions in the
CRD files. An unknown field is an error. An object without a schema is listed as not validated, and is an error.
"""

import json
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import jsonschema
import kubernetes_validate
import yaml

HELM, CHART, *CRD_FILES = sys.argv[1:]
KUBERNETES_VERSIONS = ["1.29", kubernetes_validate.latest_version()]
ON_OLDEST = ["--kube-version", KUBERNETES_VERSIONS[0]]

# The names of the settings of the server and of the agent.
SETTINGS = {
    "muster": set(re.findall(r"^(?:# )?([A-Z_]+)=", Path(".env.example").read_text(encoding="utf-8"), re.MULTILINE)),
    "agent": set(re.findall(r"^  ([A-Z_]+):", Path("apps/agent/src/env.ts").read_text(encoding="utf-8"), re.MULTILINE)),
}

problems = []


def helm(*arguments):
    return subprocess.run([HELM, *arguments], capture_output=True, text=True, timeout=60, check=False)


def render(*arguments, chart=CHART):
    """Returns the objects of `helm template`, or None and the error message if Helm refuses the values."""
    result = helm("template", "muster", chart, "--namespace", "tools", *ON_OLDEST, *arguments)
    if result.returncode != 0:
        return None, result.stderr
    return [each for each in yaml.safe_load_all(result.stdout) if each is not None], ""


def without_unknown_fields(schema):
    """Returns a copy of a schema in which an object may have only the properties that the schema describes."""
    if isinstance(schema, list):
        return [without_unknown_fields(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    copy = {key: without_unknown_fields(value) for key, value in schema.items()}
    if "properties" in copy and "additionalProperties" not in copy:
        if not copy.get("x-kubernetes-preserve-unknown-fields"):
            copy["additionalProperties"] = False
    return copy


def operator_schemas():
    """Returns the schemas in the CRD files, by API version and kind."""
    schemas = {}
    for file in CRD_FILES:
        for definition in yaml.safe_load_all(Path(file).read_text(encoding="utf-8")):
            spec = definition["spec"]
            for version in spec["versions"]:
                schema = without_unknown_fields(version["schema"]["openAPIV3Schema"])
                schema["properties"]["metadata"] = {"type": "object"}
                schemas[f"{spec['group']}/{version['name']}", spec["names"]["kind"]] = schema
    return schemas


SCHEMAS = operator_schemas()


def validate(each):
    """Returns the schemas against which an object was validated, and reports it if it is not valid."""
    name = f"{each['kind']} {each['metadata']['name']}"
    schema = SCHEMAS.get((each["apiVersion"], each["kind"]))
    if schema is not None:
        for error in jsonschema.Draft202012Validator(schema).iter_errors(each):
            problems.append(f"{name}: {error.json_path}: {error.message}")
        return "its operator's definition"
    for version in KUBERNETES_VERSIONS:
        try:
            kubernetes_validate.validate(each, version, strict=True)
        except kubernetes_validate.ValidationError as error:
            problems.append(f"{name}, Kubernetes {version}: {'.'.join(map(str, error.path))}: {error.message}")
        except kubernetes_validate.SchemaNotFoundError:
            problems.append(f"{name}: not validated, because no schema of {each['apiVersion']} was found")
    return "Kubernetes " + " and ".join(KUBERNETES_VERSIONS)


def pod_problems(each):
    """Returns what a pod has that Kubernetes' restricted Pod Security Standard forbids, except mounted host paths."""
    pod = each["spec"]["template"]["spec"]
    if pod.get("automountServiceAccountToken") is not False:
        yield "mounts a token of the Kubernetes API"
    if any(pod.get(key) for key in ("hostNetwork", "hostPID", "hostIPC")):
        yield "uses a namespace of the node"
    context = pod.get("securityContext", {})
    if not context.get("runAsNonRoot") or context.get("seccompProfile") != {"type": "RuntimeDefault"}:
        yield "may run as root or without seccomp"
    for container in pod["containers"]:
        own = container.get("securityContext", {})
        if 0 in (own.get("runAsUser", context.get("runAsUser", 0)), own.get("runAsGroup", context.get("runAsGroup", 0))):
            yield f"{container['name']} runs as root"
        expected = {"allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True, "capabilities": {"drop": ["ALL"]}}
        if any(own.get(key) != value for key, value in expected.items()) or own.get("privileged"):
            yield f"{container['name']} has more rights than it needs"
        resources = container.get("resources", {})
        if "memory" not in resources.get("limits", {}) or not {"cpu", "memory"} <= resources.get("requests", {}).keys():
            yield f"{container['name']} has no memory limit or no requests"
        for variable in container.get("env", []):
            name = variable["name"]
            if "valueFrom" in variable or name == "DATABASE_URL" or name.endswith(("_SECRET", "_TOKEN", "_KEY")):
                yield f"{container['name']} has the secret {name} in its environment"
            if not {name, name.removesuffix("_FILE")} & SETTINGS[container["name"]]:
                yield f"{container['name']} has no setting {name}"
            mounts = [mount["mountPath"] + "/" for mount in container.get("volumeMounts", [])]
            if name.endswith("_FILE") and not variable["value"].startswith(tuple(mounts)):
                yield f"{container['name']} has no volume with the file of {name}"
    files = {
        item["path"]
        for volume in pod.get("volumes", [])
        for source in volume.get("projected", {}).get("sources", [])
        for item in source["secret"]["items"]
    }
    for container in pod["containers"]:
        for variable in container.get("env", []):
            if variable["name"].endswith("_FILE") and variable["name"].removesuffix("_FILE") not in files:
                yield f"no Secret contains the file of {variable['name']}"


def server_problems(server):
    """Returns what the Deployment lacks to be drained and upgraded without an interruption."""
    pod = server["spec"]["template"]["spec"]
    [container] = pod["containers"]
    environment = {variable["name"]: variable.get("value") for variable in container["env"]}
    # The API takes up to 10 seconds for the requests in progress after the drain.
    if pod["terminationGracePeriodSeconds"] < int(environment["MUSTER_DRAIN_SECONDS"]) + 15:
        yield "is killed before it has drained"
    probes = {name: container[f"{name}Probe"]["httpGet"]["path"] for name in ("startup", "liveness", "readiness")}
    if probes != {"startup": "/healthz", "liveness": "/healthz", "readiness": "/readyz"}:
        yield f"has the probes {probes}"
    if not {"DATABASE_URL_FILE", "MUSTER_SECRET_FILE", "MUSTER_PUBLIC_URL", "MUSTER_TRUST_PROXY"} <= environment.keys():
        yield "lacks a required variable"
    if not pod["topologySpreadConstraints"]:
        yield "may run all replicas on one node"


def check_versions():
    """Compares the chart's versions with package.json."""
    chart = yaml.safe_load(Path(CHART, "Chart.yaml").read_text(encoding="utf-8"))
    version = json.loads(Path("package.json").read_text(encoding="utf-8"))["version"]
    if (chart["version"], chart["appVersion"]) != (version, version):
        problems.append(f"Chart.yaml has {chart['version']} and {chart['appVersion']}, but package.json has {version}")


def check_rendered(name, objects):
    for each in objects:
        schema = validate(each)
        print(f"  {each['kind']} {each['metadata']['name']}: {schema}")
    kinds = {each["kind"]: each for each in objects}
    for kind in EXPECTED_KINDS[name]:
        if kind not in kinds:
            problems.append(f"{name}: no {kind} was rendered")
    # The checks below need valid objects.
    if problems:
        return
    for each in objects:
        if each["kind"] in ("Deployment", "DaemonSet"):
            problems.extend(f"{name}: {each['kind']}: {problem}" for problem in pod_problems(each))
        if each["kind"] == "Deployment":
            problems.extend(f"{name}: Deployment: {problem}" for problem in server_problems(each))
    if name == "cloudnativepg":
        [rule] = kinds["Ingress"]["spec"]["rules"]
        if (rule["host"], rule["http"]["paths"][0]["path"]) != ("ops.example.com", "/muster"):
            problems.append(f"{name}: the Ingress does not have the host and the path of publicUrl: {rule}")
    if name == "existing-secrets":
        volumes = {volume["name"]: volume for volume in kinds["DaemonSet"]["spec"]["template"]["spec"]["volumes"]}
        if volumes["state"].get("hostPath") != {"path": "/var/lib/muster-agent", "type": "Directory"}:
            problems.append(f"{name}: the agent's state is not in agent.statePath: {volumes['state']}")


def render_with(*values):
    """Returns the objects of minimal.yaml with further values, such as `replicas=3`, and the text of NOTES.txt."""
    settings = [each for value in values for each in ("--set", value)]
    with tempfile.TemporaryDirectory() as directory:
        # `helm template` does not render NOTES.txt, so a copy of the chart has it as an object.
        copy = shutil.copytree(CHART, Path(directory, "muster"))
        (copy / "templates" / "NOTES.txt").rename(copy / "notes")
        notes = '{"kind": "Notes", "text": {{ tpl (.Files.Get "notes") . | toJson }}}'
        (copy / "templates" / "notes.yaml").write_text(notes, encoding="utf-8")
        rendered, message = render("--values", f"{CHART}/ci/minimal.yaml", *settings, chart=str(copy))
    if rendered is None:
        sys.exit(f"helm template failed with {', '.join(values)}: {message}")
    kinds = {each["kind"]: each for each in rendered}
    return kinds, kinds["Notes"]["text"]


def variable(each, name):
    """Returns the value of a variable of the pod's last container."""
    containers = each["spec"]["template"]["spec"]["containers"]
    return {variable["name"]: variable["value"] for variable in containers[-1]["env"]}[name]


# The expected MUSTER_TRUST_PROXY for values on top of minimal.yaml, and whether NOTES.txt has a warning.
TRUSTED = [
    ([], "false", False),
    (["ingress.enabled=true"], "1", True),
    (["ingress.enabled=true", "networkPolicy.from[0].podSelector.matchLabels.app=traefik"], "1", False),
    (["ingress.enabled=true", "networkPolicy.enabled=false"], "1", True),
    (["ingress.enabled=true", "trustProxy=false"], "false", False),
    (["ingress.enabled=true", "trustProxy=0"], "0", False),
    (["ingress.enabled=true", "trustProxy=2"], "2", True),
    (["trustProxy=10.0.0.0/8"], "10.0.0.0/8", True),
]
AGENT = ["agent.enabled=true", "agent.enrollToken.value=muster_enroll_0"]
SERVICE_URL = "http://muster.tools.svc:80"
# The expected MUSTER_URL of the agents for values on top of minimal.yaml.
AGENT_URLS = [
    ([], "https://muster.example.com"),
    (["publicUrl=https://ops.example.com/muster/"], "https://ops.example.com/muster"),
    (["publicUrl=http://muster.example.com"], SERVICE_URL),
    ([f"agent.url={SERVICE_URL}"], SERVICE_URL),
]


def check_choices():
    """Checks the values that the chart chooses from other values, and the warnings about them."""
    for values, expected, warns in TRUSTED:
        kinds, notes = render_with(*values)
        actual = variable(kinds["Deployment"], "MUSTER_TRUST_PROXY"), "X-Forwarded-For" in notes
        if actual != (expected, warns):
            problems.append(f"with {values}, MUSTER_TRUST_PROXY and the warning are {actual}")
    for values, expected in AGENT_URLS:
        kinds, notes = render_with(*AGENT, *values)
        actual = variable(kinds["DaemonSet"], "MUSTER_URL"), "without encryption" in notes
        if actual != (expected, expected == SERVICE_URL):
            problems.append(f"with {values}, the agents' MUSTER_URL and the warning are {actual}")


def check_checksums():
    """Checks that pods restart after a change of a secret, and that no annotation is a plain hash of secrets."""
    keys = [None, "0" * 32, "1" * 32]
    checksums = {}
    for key in keys:
        for password in ("a", "b"):
            given = [] if key is None else [f"secrets.sessionSecret.value={key}"]
            url = f"secrets.databaseUrl.value=postgresql://muster:{password}@postgres/muster"
            kinds, _ = render_with(*AGENT, f"agent.enrollToken.value=muster_enroll_{password}", url, *given)
            for kind in ("Deployment", "DaemonSet"):
                annotations = kinds[kind]["spec"]["template"]["metadata"]["annotations"]
                checksums.setdefault((kind, key), []).append(
                    [value for name, value in annotations.items() if name.startswith("checksum/")]
                )
    for (kind, key), (first, second) in checksums.items():
        if (first == second) != (key is None):
            problems.append(f"{kind}: with the session secret {key}, changed secrets have the checksums {first}, {second}")
    for kind in ("Deployment", "DaemonSet"):
        if checksums[kind, keys[1]] == checksums[kind, keys[2]]:
            problems.append(f"{kind}: the checksum of the secrets does not depend on the session secret")


KINDS_ALWAYS_RENDERED = ["Deployment", "Service", "ServiceAccount", "Secret"]
# The least that each set of values must render. A condition that is never true would leave out one of these kinds.
EXPECTED_KINDS = {
    "minimal": [*KINDS_ALWAYS_RENDERED, "NetworkPolicy", "PodDisruptionBudget"],
    "cloudnativepg": [*KINDS_ALWAYS_RENDERED, "NetworkPolicy", "PodDisruptionBudget", "Cluster", "Ingress"],
    "full": [*KINDS_ALWAYS_RENDERED, "NetworkPolicy", "PodDisruptionBudget", "Ingress", "ServiceMonitor", "DaemonSet"],
    "existing-secrets": [*KINDS_ALWAYS_RENDERED, "ServiceMonitor", "DaemonSet"],
}

# Values that the chart must refuse, on top of minimal.yaml, and a part of the message.
REFUSED = [
    ("publicUrl=", "publicUrl"),
    ("publicUrl=muster.example.com", "publicUrl"),
    ("publicUrl=https://muster.example.com/?a=b", "publicUrl"),
    ("replicas=0", "replicas"),
    ("replica=3", "replica"),
    ("drainSeconds=301", "drainSeconds"),
    ("trustProxy=true", "trustProxy"),
    ("agent.statePath=relative", "statePath"),
    ("agent.statePath=/", "statePath"),
    ("settings.MUSTER_SECRET=in-the-environment", "MUSTER_SECRET"),
    ("settings.NODE_OPTIONS=--inspect", "NODE_OPTIONS"),
    ("secrets.sessionSecret.value=short", "sessionSecret"),
    ("secrets.databaseUrl.value=mysql://example.com", "databaseUrl"),
    ("secrets.databaseUrl.value=", "set secrets.databaseUrl"),
    ("secrets.databaseUrl.existingSecret=other", "not both"),
    ("cloudNativePg.enabled=true", "not both"),
    ("agent.enabled=true", "agent.enrollToken"),
]

value_files = sorted(Path(CHART, "ci").glob("*.yaml"))
if {file.stem for file in value_files} != EXPECTED_KINDS.keys():
    problems.append(f"the sets of values differ from {', '.join(EXPECTED_KINDS)}")
for file in value_files:
    print(f"{file.stem}:")
    lint = helm("lint", "--strict", CHART, "--values", str(file), *ON_OLDEST)
    if lint.returncode != 0:
        problems.append(f"{file.stem}: helm lint: {lint.stdout}{lint.stderr}")
    rendered, message = render("--values", str(file))
    if rendered is None:
        problems.append(f"{file.stem}: {message}")
    else:
        check_rendered(file.stem, rendered)

for value, part in REFUSED:
    rendered, message = render("--values", f"{CHART}/ci/minimal.yaml", "--set", value)
    if rendered is not None:
        problems.append(f"the chart accepts {value}")
    elif part not in message:
        problems.append(f"the chart refuses {value} without the reason {part}: {message}")
print(f"{len(REFUSED)} wrong values are refused")

check_choices()
check_checksums()
check_versions()
for problem in problems:
    print(f"problem: {problem}", file=sys.stderr)
sys.exit(1 if problems else 0)
