{{- define "netpol-auditor.labels" -}}
app.kubernetes.io/name: netpol-auditor
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ .Chart.Name }}-{{ .Chart.Version }}
{{- end }}

{{- define "netpol-auditor.podLabels" -}}
app.kubernetes.io/name: netpol-auditor
{{- end }}

{{- define "netpol-auditor.image" -}}
{{- with .Values.image -}}
{{ .repository }}{{ if .digest }}@{{ .digest }}{{ else }}:{{ .tag | default $.Chart.AppVersion }}{{ end }}
{{- end -}}
{{- end }}

{{- define "netpol-auditor.settings" -}}
{{- $settings := merge (dict "waivers" (list "waivers.yaml")) .Values.settings -}}
{{- if .Values.mail.enabled -}}
{{- $delivery := deepCopy .Values.mail.delivery -}}
{{- if .Values.mail.secretName -}}
{{- $_ := set $delivery.mail "password_file" "/etc/netpol-auditor-mail/password" -}}
{{- end -}}
{{- $_ := set $settings "delivery" $delivery -}}
{{- end -}}
{{- toYaml $settings -}}
{{- end }}

{{- /* A policy that lets the audit out: a list of the context, the policy's name and its rules. */ -}}
{{- define "netpol-auditor.allow" -}}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata:
  name: {{ index . 1 }}
  namespace: {{ (index . 0).Release.Namespace }}
  labels:
    {{- include "netpol-auditor.labels" (index . 0) | nindent 4 }}
spec:
  podSelector:
    matchLabels:
      {{- include "netpol-auditor.podLabels" (index . 0) | nindent 6 }}
  policyTypes: [Egress]
  egress:
    {{- index . 2 | nindent 4 }}
{{ end }}

{{- /* A rule to addresses: a mapping with cidrs and port. */ -}}
{{- define "netpol-auditor.toAddresses" -}}
- to:
    {{- range .cidrs }}
    - ipBlock:
        cidr: {{ . }}
    {{- end }}
  ports:
    - protocol: TCP
      port: {{ .port }}
{{- end }}

{{- /* A rule to pods: a mapping with namespace, podLabels, port and protocols. */ -}}
{{- define "netpol-auditor.toPods" -}}
- to:
    - namespaceSelector:
        matchLabels:
          kubernetes.io/metadata.name: {{ .namespace }}
      podSelector:
        matchLabels:
          {{- toYaml .podLabels | nindent 10 }}
  ports:
    {{- range .protocols }}
    - protocol: {{ . }}
      port: {{ $.port }}
    {{- end }}
{{- end }}
