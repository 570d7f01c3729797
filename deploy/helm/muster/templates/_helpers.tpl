{{- define "muster.fullname" -}}
{{- if contains .Chart.Name .Release.Name -}}
{{- .Release.Name | trunc 50 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name .Chart.Name | trunc 50 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{- define "muster.selectorLabels" -}}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{/* The labels of an object. Usage: include "muster.labels" (list . "COMPONENT") */}}
{{- define "muster.labels" -}}
{{- $root := index . 0 -}}
{{ include "muster.selectorLabels" $root }}
app.kubernetes.io/component: {{ index . 1 }}
app.kubernetes.io/version: {{ $root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ $root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" $root.Chart.Name $root.Chart.Version | replace "+" "_" }}
{{- end -}}

{{/* The path of publicUrl without a final slash, empty for the root. */}}
{{- define "muster.basePath" -}}
{{- (urlParse .Values.publicUrl).path | trimSuffix "/" -}}
{{- end -}}

{{/*
The secrets that are in use, as JSON: the name of each variable with the Secret and the key that contain its value.
Fails if a required secret is missing or given twice.
*/}}
{{- define "muster.secretRefs" -}}
{{- $refs := dict -}}
{{- $own := include "muster.fullname" . -}}
{{- $variables := dict "databaseUrl" "DATABASE_URL" "sessionSecret" "MUSTER_SECRET" "metricsToken" "MUSTER_METRICS_TOKEN" "adminKey" "MUSTER_ADMIN_KEY" "oidcClientSecret" "MUSTER_OIDC_CLIENT_SECRET" -}}
{{- range $name, $variable := $variables -}}
  {{- $secret := index $.Values.secrets $name -}}
  {{- if and $secret.value $secret.existingSecret -}}
    {{- fail (printf "set either secrets.%s.value or secrets.%s.existingSecret, not both" $name $name) -}}
  {{- end -}}
  {{- if $secret.existingSecret -}}
    {{- $_ := set $refs $variable (dict "name" $secret.existingSecret "key" $secret.key) -}}
  {{- else if or $secret.value (eq $name "sessionSecret") (and (eq $name "metricsToken") $.Values.serviceMonitor.enabled) -}}
    {{- $_ := set $refs $variable (dict "name" $own "key" $secret.key) -}}
  {{- end -}}
{{- end -}}
{{- if .Values.cloudNativePg.enabled -}}
  {{- if hasKey $refs "DATABASE_URL" -}}
    {{- fail "set either secrets.databaseUrl or cloudNativePg.enabled, not both" -}}
  {{- end -}}
  {{- $_ := set $refs "DATABASE_URL" (dict "name" (printf "%s-db-app" $own) "key" "uri") -}}
{{- else if not (hasKey $refs "DATABASE_URL") -}}
  {{- fail "set secrets.databaseUrl to a PostgreSQL database, or cloudNativePg.enabled to true" -}}
{{- end -}}
{{- toJson $refs -}}
{{- end -}}

{{/*
A secret that the chart generates once: the value of the installed Secret, or else 48 random characters.
Usage: include "muster.generated" (list . "KEY")
*/}}
{{- define "muster.generated" -}}
{{- $root := index . 0 -}}
{{- $key := index . 1 -}}
{{- $installed := lookup "v1" "Secret" $root.Release.Namespace (include "muster.fullname" $root) -}}
{{- $data := ($installed | default dict).data | default dict -}}
{{- if hasKey $data $key -}}
{{- index $data $key -}}
{{- else -}}
{{- randAlphaNum 48 | b64enc -}}
{{- end -}}
{{- end -}}

{{/* MUSTER_TRUST_PROXY. */}}
{{- define "muster.trustProxy" -}}
{{- if kindIs "invalid" .Values.trustProxy -}}
{{- ternary "1" "false" .Values.ingress.enabled -}}
{{- else -}}
{{- .Values.trustProxy | toString -}}
{{- end -}}
{{- end -}}

{{/* The URL of Muster for the agents: encrypted if possible. */}}
{{- define "muster.agentUrl" -}}
{{- if .Values.agent.url -}}
{{- .Values.agent.url -}}
{{- else if hasPrefix "https:" .Values.publicUrl -}}
{{- .Values.publicUrl | trimSuffix "/" -}}
{{- else -}}
{{- printf "http://%s.%s.svc:%v" (include "muster.fullname" .) .Release.Namespace .Values.service.port -}}
{{- end -}}
{{- end -}}

{{/*
A checksum of secret values. Its key is the secret that signs session cookies, so no one can guess a weak password from
the checksum. The checksum is constant while that secret cannot be read: before the first installation, and in programs
such as Argo CD.
Usage: include "muster.secretChecksum" (list . VALUES)
*/}}
{{- define "muster.secretChecksum" -}}
{{- $root := index . 0 -}}
{{- $ref := (include "muster.secretRefs" $root | fromJson).MUSTER_SECRET -}}
{{- $installed := lookup "v1" "Secret" $root.Release.Namespace $ref.name -}}
{{- $data := ($installed | default dict).data | default dict -}}
{{- $key := $root.Values.secrets.sessionSecret.value | default (index $data $ref.key) -}}
{{- if $key -}}
{{- printf "%s %s" $key (index . 1 | toJson) | sha256sum -}}
{{- else -}}
none
{{- end -}}
{{- end -}}

{{/* The security settings of every container. */}}
{{- define "muster.containerSecurityContext" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities:
  drop: [ALL]
{{- end -}}
