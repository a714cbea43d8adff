{{/*
What the chart knows of the settings. Whatever .Values.config says goes before it.
*/}}
{{- define "pedi-orchestrator.settings" -}}
{{- $name := include "pedi-orchestrator.fullname" . -}}
{{- $hosts := list "localhost" "127.0.0.1" "$(POD_IP)" $name
    (printf "%s.%s" $name .Release.Namespace)
    (printf "%s.%s.svc" $name .Release.Namespace)
    (printf "%s.%s.svc.cluster.local" $name .Release.Namespace) -}}
{{- range .Values.ingress.hosts -}}
{{- $hosts = append $hosts .host -}}
{{- end -}}
ALLOWED_HOSTS: {{ concat $hosts .Values.allowedHosts | uniq | join "," | quote }}
{{- if or .Values.mtls.enabled .Values.ingress.tls }}
HTTPS: "true"
TRUST_X_FORWARDED_PROTO: "true"
{{- end }}
{{- if .Values.mtls.enabled }}
TRUSTED_PROXIES: 127.0.0.1/32
{{- end }}
{{- if .Values.gpu.enabled }}
EDGE_MODEL_URL: http://{{ $name }}-model:{{ int .Values.modelServer.port }}
EDGE_MODEL_PROTOCOL: openai
EDGE_MODEL_NAME: {{ .Values.gpu.model }}
ROUTING_TIMEOUT_SECONDS: "60"
{{- else if .Values.modelServer.enabled }}
EDGE_MODEL_URL: http://{{ $name }}-model:{{ int .Values.modelServer.port }}/infer
{{- end }}
{{- end -}}

{{/*
The environment of one container: settings, then what is secret, each by its name.
Takes (dict "root" $ "secret" "name" "needs" (list ...) "may" (list ...) "own" (dict ...)):
the Secret, what must be in it, what may be in it, and settings of this role alone.
*/}}
{{- define "pedi-orchestrator.env" -}}
{{- $root := .root -}}
{{- $secret := .secret -}}
- name: POD_IP
  valueFrom:
    fieldRef:
      fieldPath: status.podIP
{{- $settings := include "pedi-orchestrator.settings" $root | fromYaml -}}
{{- range $name, $value := mergeOverwrite $settings .own $root.Values.config }}
- name: {{ $name }}
  value: {{ $value | quote }}
{{- end }}
{{- range .needs }}
- name: {{ . }}
  valueFrom:
    secretKeyRef:
      name: {{ $secret }}
      key: {{ . }}
{{- end }}
{{- range concat .may (list "MODEL_TOKEN") $root.Values.secrets.tokens }}
- name: {{ . }}
  valueFrom:
    secretKeyRef:
      name: {{ $secret }}
      key: {{ . }}
      optional: true
{{- end }}
{{- end -}}
