{{/* What each pod is held to: Kubernetes's level "restricted". */}}
{{- define "pedi-orchestrator.podSecurity" -}}
runAsNonRoot: true
runAsUser: {{ int .Values.podSecurity.runAsUser }}
runAsGroup: {{ int .Values.podSecurity.runAsUser }}
fsGroup: {{ int .Values.podSecurity.runAsUser }}
seccompProfile:
  type: RuntimeDefault
{{- end -}}

{{- define "pedi-orchestrator.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities:
  drop: [ALL]
{{- end -}}

{{/* Where a pod may run, and as whom. Takes (list $ "component"). */}}
{{- define "pedi-orchestrator.placement" -}}
{{- $ := index . 0 -}}
{{- $selector := include "pedi-orchestrator.selector" . -}}
automountServiceAccountToken: false
enableServiceLinks: false
{{- with $.Values.imagePullSecrets }}
imagePullSecrets:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $.Values.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $.Values.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- if $.Values.affinity }}
affinity:
  {{- toYaml $.Values.affinity | nindent 2 }}
{{- else }}
topologySpreadConstraints:
  {{- range list "kubernetes.io/hostname" "topology.kubernetes.io/zone" }}
  - maxSkew: 1
    topologyKey: {{ . }}
    whenUnsatisfiable: ScheduleAnyway
    labelSelector:
      matchLabels:
        {{- $selector | nindent 8 }}
  {{- end }}
{{- end }}
{{- end -}}

{{/* The whole of a container that runs the product's image, but for name, command and env. */}}
{{- define "pedi-orchestrator.container" -}}
image: {{ include "pedi-orchestrator.image" . }}
imagePullPolicy: {{ .Values.image.pullPolicy }}
securityContext:
  {{- include "pedi-orchestrator.containerSecurity" . | nindent 2 }}
{{- end -}}

{{- define "pedi-orchestrator.tmpMount" -}}
volumeMounts:
  - name: tmp
    mountPath: /tmp
{{- end -}}

{{- define "pedi-orchestrator.tmp" -}}
- name: tmp
  emptyDir:
    sizeLimit: 256Mi
{{- end -}}

{{/*
A worker ends by itself when one of its threads dies. Its metrics are read from the
database: with that away it is not ready, and a restart would not bring it back.
*/}}
{{- define "pedi-orchestrator.workerProbes" -}}
startupProbe:
  tcpSocket: {port: metrics}
  periodSeconds: 2
  failureThreshold: 60
livenessProbe:
  tcpSocket: {port: metrics}
  periodSeconds: 20
  timeoutSeconds: 5
  failureThreshold: 3
readinessProbe:
  httpGet: {path: /metrics, port: metrics}
  periodSeconds: 15
  timeoutSeconds: 10
{{- end -}}
