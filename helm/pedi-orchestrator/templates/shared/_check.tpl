{{/* What values.schema.json cannot say: values that do not go together. */}}
{{- define "pedi-orchestrator.check" -}}
{{- $v := .Values -}}
{{- $own := or $v.databaseUrl $v.redisUrl $v.apiKey $v.secrets.djangoSecretKey $v.secrets.auditKey $v.secrets.modelToken -}}
{{- if and $v.secrets.existingSecret $v.secrets.externalSecret.enabled -}}
{{- fail "secrets.existingSecret and secrets.externalSecret.enabled are both set. Set one of them." -}}
{{- end -}}
{{- if or $v.secrets.existingSecret $v.secrets.externalSecret.enabled -}}
{{- if $own -}}
{{- fail "databaseUrl, redisUrl, apiKey and the keys in secrets are not read beside secrets.existingSecret or secrets.externalSecret. Leave them out." -}}
{{- end -}}
{{- else -}}
{{- range $name, $value := dict "databaseUrl" $v.databaseUrl "redisUrl" $v.redisUrl "secrets.djangoSecretKey" $v.secrets.djangoSecretKey -}}
{{- if not $value -}}
{{- fail (printf "%s is not set. Set databaseUrl, redisUrl and secrets.djangoSecretKey, or secrets.existingSecret, or secrets.externalSecret." $name) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- if and $v.secrets.externalSecret.enabled (not $v.secrets.externalSecret.store.name) -}}
{{- fail "secrets.externalSecret.store.name is not set. Set it to a SecretStore or ClusterSecretStore." -}}
{{- end -}}
{{- if and $v.mtls.enabled $v.ingress.enabled -}}
{{- fail "mtls.enabled and ingress.enabled are both true: the ingress would end TLS before the client's certificate is seen. Set one to false." -}}
{{- end -}}
{{- if and $v.mtls.enabled (not (and $v.mtls.serverSecret $v.mtls.clientCASecret)) -}}
{{- fail "mtls.enabled needs mtls.serverSecret (tls.crt, tls.key) and mtls.clientCASecret (ca.crt). Set both." -}}
{{- end -}}
{{- if and $v.mtls.enabled $v.prometheus.serviceMonitor.enabled (not $v.prometheus.serviceMonitor.tlsConfig) -}}
{{- fail "With mtls.enabled Prometheus needs a certificate too. Set prometheus.serviceMonitor.tlsConfig." -}}
{{- end -}}
{{- if and $v.ingress.enabled (not $v.ingress.hosts) -}}
{{- fail "ingress.enabled needs at least one host. Set ingress.hosts." -}}
{{- end -}}
{{- if and $v.keda.enabled (not $v.keda.redis.address) -}}
{{- fail "keda.enabled needs keda.redis.address. Set it to host:port of Redis." -}}
{{- end -}}
{{- if not (or $v.modelServer.enabled $v.gpu.enabled $v.config.EDGE_MODEL_URL $v.config.CLOUD_MODEL_URL) -}}
{{- fail "No model server: every job would fail. Set modelServer.enabled or gpu.enabled to true, or EDGE_MODEL_URL or CLOUD_MODEL_URL in config." -}}
{{- end -}}
{{- if and $v.workloadIdentity.enabled (not $v.workloadIdentity.gcpServiceAccount) -}}
{{- fail "workloadIdentity.enabled needs workloadIdentity.gcpServiceAccount. Set it." -}}
{{- end -}}
{{- if and $v.eks.irsa.enabled (not $v.eks.irsa.roleArn) -}}
{{- fail "eks.irsa.enabled needs eks.irsa.roleArn. Set it." -}}
{{- end -}}
{{- if gt (int $v.autoscaling.minReplicas) (int $v.autoscaling.maxReplicas) -}}
{{- fail "autoscaling.minReplicas is above autoscaling.maxReplicas. Lower it." -}}
{{- end -}}
{{- range $role := list "worker" "streamworker" -}}
{{- $scale := index $v.keda $role -}}
{{- if gt (int $scale.minReplicas) (int $scale.maxReplicas) -}}
{{- fail (printf "keda.%s.minReplicas is above keda.%s.maxReplicas. Lower it." $role $role) -}}
{{- end -}}
{{- end -}}
{{- end -}}
