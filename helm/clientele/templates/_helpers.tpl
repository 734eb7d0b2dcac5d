{{/* What the chart knows of each service: its port, whom it calls, and which stores it uses. */}}
{{- define "clientele.facts" -}}
ingestion: {port: 7101, peers: [profile], database: true, cache: false, lake: true, identity: true}
profile: {port: 7102, peers: [], database: true, cache: true, lake: true, identity: true}
scoring: {port: 7103, peers: [profile], database: true, cache: true, lake: true, identity: false}
segmentation: {port: 7104, peers: [profile, scoring], database: true, cache: false, lake: true, identity: false}
campaign-recommendation: {port: 7105, peers: [segmentation], database: false, cache: false, lake: false, identity: false}
{{- end -}}

{{- define "clientele.fullname" -}}
{{- if contains "clientele" .Release.Name -}}
{{- .Release.Name | trunc 36 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-clientele" .Release.Name | trunc 36 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{/* clientele.name (dict "root" $ "service" "scoring") */}}
{{- define "clientele.name" -}}
{{ include "clientele.fullname" .root }}-{{ .service }}
{{- end -}}

{{- define "clientele.image" -}}
{{- $image := .Values.image -}}
{{- if $image.digest -}}
{{ $image.repository }}@{{ $image.digest }}
{{- else -}}
{{ $image.repository }}:{{ $image.tag | default .Chart.AppVersion }}
{{- end -}}
{{- end -}}

{{- define "clientele.selector" -}}
app.kubernetes.io/name: clientele
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .service }}
{{- end -}}

{{- define "clientele.labels" -}}
app.kubernetes.io/name: clientele
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ .Chart.Name }}-{{ .Chart.Version }}
{{- end -}}

{{/* The secret with a service's certificate. */}}
{{- define "clientele.tlsSecret" -}}
{{- if .root.Values.tls.certManager.enabled -}}
{{ include "clientele.name" . }}-tls
{{- else -}}
{{ .root.Values.tls.existingSecretPrefix }}-{{ .service }}
{{- end -}}
{{- end -}}

{{- define "clientele.claim" -}}
{{ .Values.storage.existingClaim | default (printf "%s-data" (include "clientele.fullname" .)) }}
{{- end -}}

{{/* The settings of a service as TOML: what the chart decides, overlaid by the values. Secrets are not in it. */}}
{{- define "clientele.config" -}}
{{- $root := .root -}}
{{- $service := .service -}}
{{- $facts := get (include "clientele.facts" $root | fromYaml) $service -}}
{{- $tls := dict "certificate" "/etc/clientele/tls/tls.crt" "key" "/etc/clientele/tls/tls.key" -}}
{{- $server := dict
    "listen" (printf "0.0.0.0:%d" (int $facts.port))
    "drain_delay" (printf "%ds" (int $root.Values.drain.delaySeconds))
    "shutdown_grace" (printf "%ds" (int $root.Values.drain.graceSeconds))
    "tls" (merge (dict "client_ca" "/etc/clientele/tls/ca.crt") $tls) -}}
{{- $config := dict
    "server" $server
    "operations" (dict "listen" "0.0.0.0:7100")
    "telemetry" (dict "log" $root.Values.telemetry.log "format" "json" "trace_ratio" $root.Values.telemetry.traceRatio) -}}
{{- with $root.Values.telemetry.otlpEndpoint -}}
{{- $_ := set $config.telemetry "otlp_endpoint" . -}}
{{- end -}}
{{- if $facts.peers -}}
{{- $peers := dict -}}
{{- $all := include "clientele.facts" $root | fromYaml -}}
{{- range $facts.peers -}}
{{- $name := include "clientele.name" (dict "root" $root "service" .) -}}
{{- $_ := set $peers . (printf "https://%s.%s.svc.%s:%d" $name $root.Release.Namespace $root.Values.clusterDomain (int (get $all .).port)) -}}
{{- end -}}
{{- $_ := set $config "peers" $peers -}}
{{- $_ := set $config "client" (dict "tls" (merge (dict "ca" "/etc/clientele/tls/ca.crt") $tls)) -}}
{{- end -}}
{{- if $facts.database -}}
{{- $_ := set $config "database" (dict "connections_max" (int $root.Values.database.connectionsMax) "schema" (replace "-" "_" $service)) -}}
{{- end -}}
{{- if $facts.lake -}}
{{- $_ := set $config "lake" (dict "path" "/var/lib/clientele/lake") -}}
{{- end -}}
{{- if $facts.identity -}}
{{- $_ := set $config "identity" (dict "key_file" "/etc/clientele/identity/identity.key") -}}
{{- end -}}
{{- if eq $service "ingestion" -}}
{{- $_ := set $config "uploads" (dict "path" "/var/lib/clientele/uploads") -}}
{{- $http := dict "enabled" $root.Values.segmentEndpoint.enabled -}}
{{- if $root.Values.segmentEndpoint.enabled -}}
{{- $_ := set $http "listen" "0.0.0.0:7106" -}}
{{- $_ := set $http "tls" $tls -}}
{{- end -}}
{{- $_ := set $config "http" $http -}}
{{- end -}}
{{- $given := (get $root.Values.services $service).settings | default dict -}}
{{- $all := mustMergeOverwrite $config (deepCopy $given) -}}
{{- include "clientele.whole" $all -}}
{{- toToml $all -}}
{{- end -}}

{{/* Helm reads every number as a floating-point one: makes whole numbers whole again, in place. */}}
{{- define "clientele.whole" -}}
{{- range $key, $value := . -}}
{{- if kindIs "map" $value -}}
{{- include "clientele.whole" $value -}}
{{- else if kindIs "float64" $value -}}
{{- if eq $value (floor $value) -}}
{{- $_ := set $ $key (int64 $value) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{- define "clientele.podSecurity" -}}
runAsNonRoot: true
runAsUser: 65532
runAsGroup: 65532
fsGroup: 65532
fsGroupChangePolicy: OnRootMismatch
seccompProfile: {type: RuntimeDefault}
{{- end -}}

{{- define "clientele.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities: {drop: [ALL]}
{{- end -}}

{{/* Variables that come from secrets. */}}
{{- define "clientele.env" -}}
{{- $facts := get (include "clientele.facts" .root | fromYaml) .service -}}
{{- $root := .root -}}
{{- if $facts.database }}
- name: CLIENTELE_DATABASE__URL
  valueFrom: {secretKeyRef: {name: {{ include "clientele.databaseSecret" $root }}, key: {{ $root.Values.database.key }}}}
{{- end }}
{{- if $facts.cache }}
- name: CLIENTELE_CACHE__URL
  valueFrom: {secretKeyRef: {name: {{ include "clientele.redisSecret" $root }}, key: {{ $root.Values.redis.key }}}}
{{- end }}
{{- range (get $root.Values.services .service).secretEnv }}
- name: {{ .name }}
  valueFrom: {secretKeyRef: {name: {{ .secret }}, key: {{ .key }}}}
{{- end }}
{{- end -}}

{{- define "clientele.databaseSecret" -}}
{{ .Values.database.existingSecret | default (printf "%s-trial" (include "clientele.fullname" .)) }}
{{- end -}}

{{- define "clientele.redisSecret" -}}
{{ .Values.redis.existingSecret | default (printf "%s-trial-redis" (include "clientele.fullname" .)) }}
{{- end -}}

{{- define "clientele.mounts" -}}
{{- $facts := get (include "clientele.facts" .root | fromYaml) .service -}}
- {name: config, mountPath: /etc/clientele/config, readOnly: true}
- {name: tls, mountPath: /etc/clientele/tls, readOnly: true}
- {name: tmp, mountPath: /tmp}
{{- if $facts.identity }}
- {name: identity, mountPath: /etc/clientele/identity, readOnly: true}
{{- end }}
{{- if $facts.lake }}
- {name: data, mountPath: /var/lib/clientele}
{{- end }}
{{- end -}}

{{- define "clientele.volumes" -}}
{{- $facts := get (include "clientele.facts" .root | fromYaml) .service -}}
{{- $root := .root -}}
- name: config
  configMap: {name: {{ include "clientele.name" . }}}
- name: tls
  secret: {secretName: {{ include "clientele.tlsSecret" . }}, defaultMode: 0440}
- name: tmp
  emptyDir: {sizeLimit: 1Gi}
{{- if $facts.identity }}
- name: identity
  secret: {secretName: {{ $root.Values.identity.existingSecret }}, defaultMode: 0440, items: [{key: {{ $root.Values.identity.key }}, path: identity.key}]}
{{- end }}
{{- if $facts.lake }}
- name: data
  persistentVolumeClaim: {claimName: {{ include "clientele.claim" $root }}}
{{- end }}
{{- end -}}
