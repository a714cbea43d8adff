{{/* Where KEDA finds Redis: part of a trigger's metadata. */}}
{{- define "pedi-orchestrator.kedaRedis" -}}
address: {{ .Values.keda.redis.address | quote }}
databaseIndex: {{ int .Values.keda.redis.databaseIndex | toString | quote }}
enableTLS: {{ .Values.keda.redis.tls | toString | quote }}
{{- with .Values.keda.redis.username }}
username: {{ . | quote }}
{{- end }}
{{- end -}}

{{- define "pedi-orchestrator.kedaAuthentication" -}}
{{- if .Values.keda.redis.passwordSecret.name -}}
authenticationRef:
  name: {{ include "pedi-orchestrator.fullname" . }}-redis
{{- end -}}
{{- end -}}
