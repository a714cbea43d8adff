{{- define "pedi-orchestrator.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 50 | trimSuffix "-" -}}
{{- end -}}

{{- define "pedi-orchestrator.fullname" -}}
{{- $name := include "pedi-orchestrator.name" . -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 50 | trimSuffix "-" -}}
{{- else if contains $name .Release.Name -}}
{{- .Release.Name | trunc 50 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name $name | trunc 50 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{/* What a selector may ask for: it never changes. Takes (list $ "component"). */}}
{{- define "pedi-orchestrator.selector" -}}
{{- $ := index . 0 -}}
app.kubernetes.io/name: {{ include "pedi-orchestrator.name" $ }}
app.kubernetes.io/instance: {{ $.Release.Name }}
app.kubernetes.io/component: {{ index . 1 }}
{{- end -}}

{{/* Takes (list $ "component"). */}}
{{- define "pedi-orchestrator.labels" -}}
{{- $ := index . 0 -}}
{{ include "pedi-orchestrator.selector" . }}
app.kubernetes.io/version: {{ $.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ $.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" $.Chart.Name $.Chart.Version | replace "+" "_" }}
{{- end -}}

{{/* Pods of some components. Takes (list $ (list "component" ...)). */}}
{{- define "pedi-orchestrator.podsOf" -}}
{{- $ := index . 0 -}}
matchLabels:
  app.kubernetes.io/name: {{ include "pedi-orchestrator.name" $ }}
  app.kubernetes.io/instance: {{ $.Release.Name }}
matchExpressions:
  - key: app.kubernetes.io/component
    operator: In
    values: {{ index . 1 | toJson }}
{{- end -}}

{{- define "pedi-orchestrator.serviceAccountName" -}}
{{- if .Values.serviceAccount.create -}}
{{- default (include "pedi-orchestrator.fullname" .) .Values.serviceAccount.name -}}
{{- else -}}
{{- required "Set serviceAccount.name to the account that is there, or serviceAccount.create to true." .Values.serviceAccount.name -}}
{{- end -}}
{{- end -}}

{{- define "pedi-orchestrator.image" -}}
{{- with .Values.image -}}
{{- if .digest -}}
{{ .repository }}@{{ .digest }}
{{- else -}}
{{ .repository }}:{{ default $.Chart.AppVersion .tag }}
{{- end -}}
{{- end -}}
{{- end -}}

{{- define "pedi-orchestrator.secretName" -}}
{{- default (include "pedi-orchestrator.fullname" .) .Values.secrets.existingSecret -}}
{{- end -}}
